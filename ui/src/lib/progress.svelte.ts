import type { Wait } from '../bindings/Wait';
import { inUnits } from './format';

/** Minimum time between announcements of progress to screen readers, in milliseconds. */
const announceEvery = 10_000;

/** The last announced value of `text`. Must be called while a component is initialized. */
export function announced(text: () => string): () => string {
  let current = $state(text());

  $effect(() => {
    const timer = setInterval(() => (current = text()), announceEvery);
    return () => clearInterval(timer);
  });

  return () => current;
}

/** The remaining time of a wait, counting down; `null` if unknown. Must be called while a component is initialized. */
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

/** Splits a path before its name, so that the name stays visible when there is no room for the whole path. */
export function atName(path: string): [folder: string, name: string] {
  const trimmed = path.replace(/[/\\]+$/, '');
  const start = Math.max(trimmed.lastIndexOf('/'), trimmed.lastIndexOf('\\')) + 1;
  return [path.slice(0, start), path.slice(start)];
}
