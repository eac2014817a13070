/**
 * Which files and folders of a version are chosen.
 *
 * A folder stands for all in it, now and in pages that are not loaded. Its path ends with the separator, so that
 * "lies in" is "starts with". Taking one entry out of a chosen folder therefore names all its siblings instead.
 */
import { SvelteSet } from 'svelte/reactivity';

import type { Entry } from '../../bindings/Entry';

/** Every entry of a folder, all pages of it. */
export type ListAll = (folder: string) => Promise<Entry[]>;

export class Selection {
  readonly #paths = new SvelteSet<string>();
  readonly #listAll: ListAll;

  constructor(listAll: ListAll) {
    this.#listAll = listAll;
  }

  get size(): number {
    return this.#paths.size;
  }

  get paths(): string[] {
    return [...this.#paths];
  }

  /** Whether `path` or a folder that it lies in is chosen. */
  has(path: string): boolean {
    return this.#paths.has(path) || this.#ancestor(path) !== undefined;
  }

  /** Whether something in the folder is chosen, but not the folder as a whole. */
  hasPartOf(folder: string): boolean {
    return !this.has(folder) && this.paths.some((path) => path.startsWith(folder));
  }

  async toggle(path: string): Promise<void> {
    if (!this.has(path)) this.#add(path);
    else if (!this.#paths.delete(path)) await this.#takeOut(path);
  }

  clear(): void {
    this.#paths.clear();
  }

  #add(path: string): void {
    for (const chosen of this.paths) {
      if (isFolder(path) && chosen.startsWith(path)) this.#paths.delete(chosen);
    }
    this.#paths.add(path);
  }

  /** Chooses, level by level, everything in the chosen folder except what leads to `path`. */
  async #takeOut(path: string): Promise<void> {
    let folder = this.#ancestor(path);
    if (folder === undefined) return;
    const siblings: string[] = [];
    const chosen = folder;
    while (folder !== undefined) {
      const entries: Entry[] = await this.#listAll(folder);
      const leads = (entry: Entry) => entry.path === path || liesIn(path, entry.path);
      siblings.push(...entries.filter((entry) => !leads(entry)).map((entry) => entry.path));
      folder = entries.find((entry) => liesIn(path, entry.path))?.path;
    }
    this.#paths.delete(chosen);
    siblings.forEach((sibling) => this.#paths.add(sibling));
  }

  #ancestor(path: string): string | undefined {
    return this.paths.find((chosen) => liesIn(path, chosen));
  }
}

function isFolder(path: string): boolean {
  return path.endsWith('/') || path.endsWith('\\');
}

function liesIn(path: string, folder: string): boolean {
  return isFolder(folder) && path !== folder && path.startsWith(folder);
}
