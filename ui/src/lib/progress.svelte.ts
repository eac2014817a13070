import type { Wait } from '../bindings/Wait';
import { inUnits } from './format';

/** A screen reader hears of progress at most this often, in milliseconds. */
const announceEvery = 10_000;

/** `text` as it was when it was last due to be announced. Call it while a component is set up. */
export function announced(text: () => string): () => string {
  let current = $state(text());

  $effect(() => {
    const timer = setInterval(() => (current = text()), announceEvery);
    return () => clearInterval(timer);
  });

  return () => current;
}

/** How long a wait still lasts, counting down; `null` when nobody knows. Call it while a component is set up. */
export function countdown(wait: () => Wait | null): () => string | null {
  let now = $state(Date.now());

  $effect(() => {
    if (!wait()?.until) return;
    now = Date.now();
    const timer = setInterval(() => (now = Date.now()), 1000);
    return () => clearInterval(timer);
  });

  return () => {
    const until = wait()?.until;
    return until ? inUnits((Date.parse(until) - now) / 1000) : null;
  };
}

/** A path in two, so that its end, the name, stays when there is no room for all of it. */
export function atName(path: string): [folder: string, name: string] {
  const trimmed = path.replace(/[/\\]+$/, '');
  const start = Math.max(trimmed.lastIndexOf('/'), trimmed.lastIndexOf('\\')) + 1;
  return [path.slice(0, start), path.slice(start)];
}
