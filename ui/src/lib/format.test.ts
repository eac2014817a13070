import { describe, expect, it } from 'vitest';

import { binaryBytes, bytes, duration, moment, timeLeft } from './format';

describe('format', () => {
  it('shows sizes in decimal units with at most one digit', () => {
    expect(bytes(0)).toBe('0 bytes');
    expect(bytes(999_600)).toBe('1 MB');
    expect(bytes(61_440_000_000)).toBe('61.4 GB');
    expect(bytes(642e9)).toBe('642 GB');
  });

  it('shows block and volume sizes in binary units', () => {
    expect(binaryBytes(102_400)).toBe('100 KiB');
    expect(binaryBytes(52_428_800)).toBe('50 MiB');
  });

  it('is coarse about the time left', () => {
    expect(timeLeft(42)).toBe('less than a minute');
    expect(timeLeft(61)).toBe('about 1 minute');
    expect(timeLeft(5_400)).toBe('about 2 hours');
  });

  it('names the days next to today', () => {
    const now = new Date(2026, 10, 24, 12);
    expect(moment(new Date(2026, 10, 24, 9).toISOString(), now)).toMatch(/^today, /);
    expect(moment(new Date(2026, 10, 23, 23).toISOString(), now)).toMatch(/^yesterday, /);
    expect(moment(new Date(2026, 10, 25, 1).toISOString(), now)).toMatch(/^tomorrow, /);
    expect(moment(new Date(2026, 10, 20, 1).toISOString(), now)).toMatch(/^Friday/);
  });

  it('counts durations up to hours', () => {
    expect(duration('2026-01-01T10:00:00Z', '2026-01-01T10:03:20Z')).toBe('3 min 20 s');
    expect(duration('2026-01-01T10:00:00Z', '2026-01-01T11:04:00Z')).toBe('1 h 4 min');
  });
});
