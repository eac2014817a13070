import type { Commands } from '../bindings/commands';
import type { Event } from '../bindings/Event';

/** Everything that the UI can request from the backend: the commands of the border, and the event stream. */
export interface Platform extends Commands {
  /** Calls `listener` with every event from now on; the returned function unsubscribes. */
  subscribe: (listener: (event: Event) => void) => Promise<() => void>;
}
