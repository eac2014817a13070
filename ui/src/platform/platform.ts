import type { Commands } from '../bindings/commands';
import type { Event } from '../bindings/Event';

/** Everything the UI may ask of the backend: the commands of the border, and the stream of events. */
export interface Platform extends Commands {
  /** Calls `listener` with every event from now on; the reply ends that. */
  subscribe: (listener: (event: Event) => void) => Promise<() => void>;
}
