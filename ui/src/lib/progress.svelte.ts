import type { Progress } from '../bindings/Progress';

/** A screen reader hears of progress at most this often, in milliseconds. */
const announceEvery = 10_000;

/** 0 to 1 by bytes, by files where there are no bytes; `null` while the whole is not counted. */
export function shareOf({ doneBytes, totalBytes, doneFiles, totalFiles }: Progress): number | null {
  if (totalBytes) return Math.min(1, doneBytes / totalBytes);
  if (totalFiles) return Math.min(1, doneFiles / totalFiles);
  return null;
}

/** `text` as it was when it was last due to be announced. Call it while a component is set up. */
export function announced(text: () => string): () => string {
  let current = $state(text());

  $effect(() => {
    const timer = setInterval(() => (current = text()), announceEvery);
    return () => clearInterval(timer);
  });

  return () => current;
}
