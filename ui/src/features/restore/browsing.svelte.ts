import type { Entry } from '../../bindings/Entry';
import { Pages } from '../../lib/pages.svelte';
import type { Platform } from '../../platform/platform';
import { Selection } from './selection.svelte';

/** Entries per request. */
const pageSize = 200;

/** Browsing one version of an opened backup. */
export class Browsing {
  readonly selection: Selection;
  readonly version: number;
  readonly #platform: Platform;
  readonly #handle: string;

  constructor(platform: Platform, handle: string, version: number) {
    this.#platform = platform;
    this.#handle = handle;
    this.version = version;
    this.selection = new Selection((folder) => this.#listAll(folder));
  }

  folder(path: string): Pages<Entry> {
    return new Pages((offset) => this.#list(path, offset));
  }

  matches(text: string): Pages<Entry> {
    return new Pages(async (offset) => {
      const page = await this.#platform.searchEntries(
        this.#handle,
        this.version,
        text,
        offset,
        pageSize,
      );
      return { items: page.entries, total: page.total };
    });
  }

  async #list(path: string, offset: number): Promise<{ items: Entry[]; total: number }> {
    const page = await this.#platform.listEntries(
      this.#handle,
      this.version,
      path,
      offset,
      pageSize,
    );
    return { items: page.entries, total: page.total };
  }

  async #listAll(path: string): Promise<Entry[]> {
    const all: Entry[] = [];
    for (;;) {
      const { items, total } = await this.#list(path, all.length);
      all.push(...items);
      if (all.length >= total || items.length === 0) return all;
    }
  }
}
