import { afterEach, expect, test, vi } from 'vitest';

import { tauriPlatform } from './tauri';

type Sent = [command: string, given: Record<string, unknown>];

/** A fake Tauri: records what is sent, and answers everything with `reply`. */
function answerWith(reply: Promise<unknown>): Sent[] {
  const sent: Sent[] = [];
  const invoke = (...[command, given]: Sent) => {
    sent.push([command, given]);
    return reply;
  };
  vi.stubGlobal('__TAURI_INTERNALS__', { invoke });
  return sent;
}

afterEach(() => vi.unstubAllGlobals());

test('arguments go by their names', async () => {
  const sent = answerWith(Promise.resolve(null));

  await tauriPlatform.deleteJob('job-1', true);

  expect(sent).toEqual([['delete_job', { jobId: 'job-1', forgetSecrets: true }]]);
});

test('an abort cancels the request', () => {
  const sent = answerWith(new Promise(() => {}));
  const asking = new AbortController();

  void tauriPlatform.listDrives('account-1', asking.signal);
  asking.abort();

  const { question } = sent[0]![1];
  expect(question).toEqual(expect.any(String));
  expect(sent).toEqual([
    ['list_drives', { accountId: 'account-1', question }],
    ['give_up', { question }],
  ]);
});

test('nothing is canceled after the answer', async () => {
  const sent = answerWith(Promise.resolve([]));
  const asking = new AbortController();

  await tauriPlatform.listDrives('account-1', asking.signal);
  asking.abort();

  expect(sent.map(([command]) => command)).toEqual(['list_drives']);
});
