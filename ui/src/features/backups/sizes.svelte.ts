import type { FilterRule } from '../../bindings/FilterRule';
import type { SourceSize } from '../../bindings/SourceSize';
import type { Platform } from '../../platform/platform';
import type { SourceRow } from './fields';

/** Sizes of sources, counted one after the other while the person reads. */
export class Sizes {
  #platform: Platform;
  #known: Record<string, SourceSize | null> = $state({});
  #counted = '';
  #asking = new AbortController();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** The size of a source; `undefined` until it is counted, `null` if it cannot be. */
  of(path: string): SourceSize | null | undefined {
    return this.#known[path];
  }

  /** The size of all chosen sources, as far as it is counted. */
  total(rows: SourceRow[]): SourceSize & { isComplete: boolean } {
    const total = { files: 0, bytes: 0, unreadable: 0, isComplete: true };
    for (const path of outermost(rows)) {
      const size = this.#known[path];
      if (size === undefined) total.isComplete = false;
      total.files += size?.files ?? 0;
      total.bytes += size?.bytes ?? 0;
      total.unreadable += size?.unreadable ?? 0;
    }
    return total;
  }

  /** Counts the sources that are not counted yet; all of them if the rules changed. */
  async count(paths: string[], filters: FilterRule[]): Promise<void> {
    const rules = filters.filter((rule) => rule.expression.trim() !== '');
    const asked = JSON.stringify(rules);
    if (asked !== this.#counted) this.#known = {};
    this.#counted = asked;
    this.giveUp();
    const { signal } = (this.#asking = new AbortController());
    for (const path of paths) {
      if (signal.aborted) return;
      if (this.#known[path] !== undefined) continue;
      const size = await this.#platform.measureSource(path, rules, signal).catch(() => null);
      if (!signal.aborted) this.#known[path] = size;
    }
  }

  giveUp(): void {
    this.#asking.abort();
  }
}

/** Chosen sources that are not inside another one. */
function outermost(rows: SourceRow[]): string[] {
  const paths = rows.filter((row) => row.chosen).map((row) => row.path);
  const isInside = (path: string, other: string) =>
    path !== other && ['/', '\\'].some((end) => path.startsWith(other + end));
  return paths.filter((path) => !paths.some((other) => isInside(path, other)));
}
