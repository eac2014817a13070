import type { CommandError } from '../../bindings/CommandError';
import type { DestinationCheck } from '../../bindings/DestinationCheck';
import type { DestinationSettings } from '../../bindings/DestinationSettings';
import { asCommandError } from '../../lib/errors';
import type { Platform } from '../../platform/platform';

/** The result of checking a destination. A new check cancels the previous one. */
export class Inspection {
  check: DestinationCheck | null = $state(null);
  error: CommandError | null = $state(null);
  busy = $state(false);
  /** Whether to continue the backup that was found. */
  continues = $state(false);
  #platform: Platform;
  #asking = new AbortController();
  #looking: Promise<void> = Promise.resolve();
  #about = '';
  #wanted = '';

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** The user has already decided to continue the existing backup. */
  goOnWith(destination: DestinationSettings, prefix: string): void {
    this.#wanted = aboutOf(destination, prefix);
  }

  /** Switches to a destination and discards the result of another one. Returns whether it was a different one. */
  aim(destination: DestinationSettings, prefix: string): boolean {
    const about = aboutOf(destination, prefix);
    if (about === this.#about) return false;
    this.#about = about;
    this.#clear();
    this.continues = about === this.#wanted;
    return true;
  }

  /** Waits for the pending check, or starts one if there was none. */
  async settle(destination: DestinationSettings, prefix: string): Promise<void> {
    this.aim(destination, prefix);
    if (this.check === null && this.error === null) {
      await (this.busy ? this.#looking : this.look(destination, prefix));
    }
  }

  look(destination: DestinationSettings, prefix: string): Promise<void> {
    this.#looking = this.#look(destination, prefix);
    return this.#looking;
  }

  async #look(destination: DestinationSettings, prefix: string): Promise<void> {
    this.aim(destination, prefix);
    const signal = this.#clear();
    this.busy = true;
    try {
      const check = await this.#platform.checkDestination(destination, prefix, signal);
      if (!signal.aborted) this.check = check;
    } catch (reason) {
      if (!signal.aborted) this.error = asCommandError(reason);
    } finally {
      if (!signal.aborted) this.busy = false;
    }
  }

  /** Cancels the pending check, whose result is no longer needed. */
  giveUp(): void {
    if (this.busy) this.#clear();
  }

  #clear(): AbortSignal {
    this.check = null;
    this.error = null;
    this.busy = false;
    this.#asking.abort();
    this.#asking = new AbortController();
    return this.#asking.signal;
  }
}

function aboutOf(destination: DestinationSettings, prefix: string): string {
  return JSON.stringify([destination, prefix]);
}
