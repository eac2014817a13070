import type { CommandError } from '../bindings/CommandError';
import { asCommandError } from './errors';

/** What a click tried last, why it failed, and how to try it again. */
export class Attempt {
  error: CommandError | null = $state(null);
  #work: () => Promise<unknown> = () => Promise.resolve();

  /** Whether `work` went well. */
  async run(work: () => Promise<unknown>): Promise<boolean> {
    this.error = null;
    this.#work = work;
    try {
      await work();
      return true;
    } catch (reason) {
      // What was tried since says how that went.
      if (this.#work === work) this.error = asCommandError(reason);
      return false;
    }
  }

  readonly retry = (): void => {
    void this.run(this.#work);
  };
}
