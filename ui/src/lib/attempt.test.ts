import { describe, expect, it } from 'vitest';

import { Attempt } from './attempt.svelte';

const offline = { code: 'offline', message: 'OneDrive cannot be reached.', hint: 'Try later.' };

describe('an attempt', () => {
  it('fails with what the command said, and forgets it when the next one goes well', async () => {
    const attempt = new Attempt();
    let fails = true;
    const work = () => (fails ? Promise.reject(offline) : Promise.resolve());

    expect(await attempt.run(work)).toBe(false);
    expect(attempt.error).toEqual(offline);

    fails = false;
    attempt.retry();
    await Promise.resolve();
    expect(attempt.error).toBeNull();
  });

  it('says nothing of one that fails after another began', async () => {
    const attempt = new Attempt();
    let fail: (reason: unknown) => void = () => undefined;

    const first = attempt.run(() => new Promise((_, reject) => (fail = reject)));
    await attempt.run(() => Promise.resolve());
    fail(offline);

    expect(await first).toBe(false);
    expect(attempt.error).toBeNull();
  });
});
