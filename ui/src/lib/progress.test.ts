import { describe, expect, it } from 'vitest';

import type { Progress } from '../bindings/Progress';
import { shareOf } from './progress.svelte';

const progress: Progress = {
  operation: 'backup',
  phase: 'readingDestination',
  doneFiles: 0,
  totalFiles: null,
  doneBytes: 0,
  totalBytes: null,
  transferredBytes: 0,
  bytesPerSecond: 0,
  secondsLeft: null,
  current: '',
};

describe('the share that is done', () => {
  it('is never more than all, whatever grew or was sent again meanwhile', () => {
    expect(shareOf({ ...progress, doneBytes: 150, totalBytes: 100 })).toBe(1);
    expect(shareOf({ ...progress, doneFiles: 3, totalFiles: 2 })).toBe(1);
    expect(shareOf({ ...progress, doneBytes: 25, totalBytes: 100 })).toBe(0.25);
  });
});
