import { describe, expect, it } from 'vitest';

import type { Event } from '../bindings/Event';
import { t } from '../messages';
import { BrowserPlatform } from '../platform/browser';
import { appState, documentsJob, progress } from '../platform/browser/fixtures';
import { App } from './app.svelte';
import { headline } from './status';

function renamed(name: string, seq: number): Event {
  const card = documentsJob();
  return {
    seq,
    change: { kind: 'job', card: { ...card, definition: { ...card.definition, name } } },
  };
}

async function startAt(seq: number): Promise<App> {
  return App.start(new BrowserPlatform({ state: { ...appState(), seq } }));
}

describe('events', () => {
  it('are ignored when the state already contains them', async () => {
    const app = await startAt(7);

    app.apply(renamed('old', 6));
    app.apply(renamed('same', 7));

    expect(app.job('job-documents')?.definition.name).toBe('Documents and photos');
  });

  it('change the card once, in order', async () => {
    const app = await startAt(7);

    app.apply(renamed('newer', 9));
    app.apply(renamed('late', 8));

    expect(app.job('job-documents')?.definition.name).toBe('newer');
    expect(app.state.jobs).toHaveLength(3);
  });

  it('that come before the state has been read are not lost', async () => {
    const platform = new BrowserPlatform();
    const read = platform.appState.bind(platform);
    platform.appState = async () => {
      const state = await read();
      await platform.startBackup('job-documents');
      return state;
    };

    const app = await App.start(platform);

    expect(app.job('job-documents')?.state.kind).toBe('running');
  });

  it('move the bar of the run that they are of, and nothing else', async () => {
    const state = appState();
    state.jobs[0]!.state = { kind: 'running', runId: 'run-1', progress: progress(0.2) };
    const app = await App.start(new BrowserPlatform({ state }));
    const before = structuredClone(state.jobs[0]);
    const jobId = 'job-documents';

    app.apply({
      seq: 1,
      change: { kind: 'progress', jobId, runId: 'run-1', progress: progress(0.4) },
    });
    app.apply({
      seq: 2,
      change: { kind: 'progress', jobId, runId: 'run-0', progress: progress(0.9) },
    });
    app.apply({
      seq: 3,
      change: { kind: 'progress', jobId: 'job-music', runId: 'run-1', progress: progress(0.9) },
    });

    expect(app.run('run-1', jobId).progress).toEqual(progress(0.4));
    expect(app.job(jobId)).toEqual({
      ...before,
      state: { kind: 'running', runId: 'run-1', progress: progress(0.4) },
    });
    expect(app.job('job-music')?.state.kind).toBe('idle');
  });

  it('say how all jobs stand, which is not found out here', async () => {
    const app = await startAt(0);

    app.apply({
      seq: 1,
      change: { kind: 'overview', overview: { level: 'bad', jobs: 2, line: '' } },
    });

    expect(headline(app.state)).toBe(t.home.level.bad(2));
  });

  it('lead to the job that shall be shown', async () => {
    const app = await startAt(0);
    app.view = { name: 'settings' };

    app.apply({ seq: 1, change: { kind: 'show', jobId: 'job-music' } });

    expect(app.view).toEqual({ name: 'home', jobId: 'job-music' });
  });

  it('leave the form of a job that is gone', async () => {
    const app = await startAt(0);
    app.view = { name: 'form', jobId: 'job-music' };

    app.apply({ seq: 1, change: { kind: 'jobRemoved', jobId: 'job-music' } });

    expect(app.view).toEqual({ name: 'home' });
  });

  it('that were lost are made good by all that is true now', async () => {
    const app = await startAt(3);
    app.view = { name: 'form', jobId: 'job-music' };
    const now = appState();
    now.jobs = now.jobs.filter((job) => job.id !== 'job-music');
    const state = { ...now, seq: 9, accounts: [], tray: 'unavailable' as const };

    app.apply({ seq: 9, change: { kind: 'all', state } });

    expect(app.job('job-music')).toBeUndefined();
    expect(app.view).toEqual({ name: 'home' });
    expect(app.state.accounts).toEqual([]);
    expect(app.state.tray).toBe('unavailable');
  });

  it('keep the view of restores that belong to no job when the whole state is reloaded', async () => {
    const app = await startAt(3);
    app.view = { name: 'history', jobId: '' };

    app.apply({ seq: 9, change: { kind: 'all', state: { ...appState(), seq: 9 } } });

    expect(app.view).toEqual({ name: 'history', jobId: '' });
  });
});
