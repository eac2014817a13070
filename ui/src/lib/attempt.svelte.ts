import type { CommandError } from '../bindings/CommandError';
import { asCommandError } from './errors';

/** The last attempted action, why it failed, and how to retry it. */
export class Attempt {
  error: CommandError | null = $state(null);
  #work: () => Promise<unknown> = () => Promise.resolve();

  /** Runs `work` and returns whether it succeeded. */
  async run(work: () => Promise<unknown>): Promise<boolean> {
    this.error = null;
    this.#work = work;
    try {
      await work();
      return true;
    } catch (reason) {
      // A later attempt reports its own result.
      if (this.#work === work) this.error = asCommandError(reason);
      return false;
    }
  }

  readonly retry = (): void => {
    void this.run(this.#work);
  };
}
