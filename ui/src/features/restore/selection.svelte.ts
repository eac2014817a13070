/**
 * The selected files and folders of a version.
 *
 * A selected folder includes everything in it, also on pages that are not loaded. Its path ends with the separator, so
 * that "is in" means "starts with". Deselecting one entry of a selected folder therefore selects all its siblings.
 */
import { SvelteSet } from 'svelte/reactivity';

import type { Entry } from '../../bindings/Entry';

/** All entries of a folder, from all pages. */
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

  /** Whether `path` or a folder that contains it is selected. */
  has(path: string): boolean {
    return this.#paths.has(path) || this.#ancestor(path) !== undefined;
  }

  /** Whether something in the folder is selected, but not the whole folder. */
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

  /** Selects, level by level, everything in the selected folder except `path`. */
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
