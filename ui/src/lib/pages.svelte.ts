import type { CommandError } from '../bindings/CommandError';
import { asCommandError } from './errors';

/** A long list that is loaded page by page. */
export class Pages<Item> {
  items: Item[] = $state.raw([]);
  total = $state(0);
  busy = $state(false);
  /** Whether {@link total} is known. */
  isRead = $state(false);
  error: CommandError | null = $state(null);
  #read: (offset: number) => Promise<{ items: Item[]; total: number }>;

  constructor(read: (offset: number) => Promise<{ items: Item[]; total: number }>) {
    this.#read = read;
  }

  get left(): number {
    return this.total - this.items.length;
  }

  more = async (): Promise<void> => {
    if (this.busy) return;
    this.busy = true;
    this.error = null;
    try {
      const page = await this.#read(this.items.length);
      this.items = [...this.items, ...page.items];
      this.total = page.total;
      this.isRead = true;
    } catch (reason) {
      this.error = asCommandError(reason);
    } finally {
      this.busy = false;
    }
  };
}
