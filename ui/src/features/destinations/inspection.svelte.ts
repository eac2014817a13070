import type { CommandError } from '../../bindings/CommandError';
import type { DestinationCheck } from '../../bindings/DestinationCheck';
import type { DestinationSettings } from '../../bindings/DestinationSettings';
import { asCommandError } from '../../lib/errors';
import type { Platform } from '../../platform/platform';

/** What looking at a destination gave. An answer that comes after the next question is dropped. */
export class Inspection {
  check: DestinationCheck | null = $state(null);
  error: CommandError | null = $state(null);
  busy = $state(false);
  #platform: Platform;
  #asked = 0;

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  async look(destination: DestinationSettings, prefix: string): Promise<void> {
    const asked = this.reset();
    this.busy = true;
    try {
      const check = await this.#platform.checkDestination(destination, prefix);
      if (asked === this.#asked) this.check = check;
    } catch (reason) {
      if (asked === this.#asked) this.error = asCommandError(reason);
    } finally {
      if (asked === this.#asked) this.busy = false;
    }
  }

  /** Forgets the last answer, because it was about something else. */
  reset(): number {
    this.check = null;
    this.error = null;
    this.busy = false;
    this.#asked += 1;
    return this.#asked;
  }
}
