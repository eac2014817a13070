import { screen, within } from '@testing-library/svelte';
import { describe, expect, it, vi } from 'vitest';

import { moment } from '../lib/format';
import { appState, healthAfter, run } from '../platform/browser/fixtures';
import { openApp } from '../test-app';

function withoutJobs() {
  return { ...appState(), jobs: [], accounts: [] };
}

describe('home', () => {
  it('offers the two ways in when there is no backup yet', async () => {
    const { app, user } = await openApp({ state: withoutJobs() });

    expect(screen.getByRole('button', { name: 'I already have a backup' })).toBeVisible();
    await user.click(screen.getByRole('button', { name: 'Back up this computer' }));

    expect(app.view.name).toBe('quick');
  });

  it('shows how far a backup is and stops it', async () => {
    const { user } = await openApp();
    const card = within(screen.getByRole('article', { name: 'Documents and photos' }));

    await user.click(card.getByRole('button', { name: 'Back up now' }));

    const bar = await card.findByRole('progressbar', {
      name: 'Progress of Documents and photos',
    });
    expect(bar).toBeVisible();
    await user.click(card.getByRole('button', { name: 'Stop' }));
    // The last backup is still good.
    expect(await card.findByText(/^Backed up/)).toBeVisible();
  });

  it('says what failed, what to do, and offers to try again', async () => {
    const { platform, user } = await openApp();
    platform.startBackup = async () => {
      throw { code: 'full', message: 'The drive is full', hint: 'Free some space' };
    };
    const card = within(screen.getByRole('article', { name: 'Music' }));

    await user.click(card.getByRole('button', { name: 'Back up now' }));

    const alert = within(await card.findByRole('alert'));
    expect(alert.getByText('The drive is full')).toBeVisible();
    expect(alert.getByText('Free some space')).toBeVisible();
    expect(alert.getByRole('button', { name: 'Try again' })).toBeVisible();
  });

  it('renews an expired sign-in with one click here and one in the browser, and resumes', async () => {
    const state = appState();
    state.jobs[0]!.state = {
      kind: 'needsAttention',
      error: { code: 'signInRequired', message: 'The sign-in expired', hint: 'Sign in again' },
    };
    const { app, user } = await openApp({ state });

    await user.click(screen.getByRole('button', { name: 'Sign in again' }));
    const dialog = within(await screen.findByRole('dialog', { name: 'Sign in again' }));
    await dialog.findByText('Waiting for you to sign in with the browser');

    await vi.waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
    expect(app.job('job-documents')?.state.kind).toBe('running');
    expect(app.job('job-documents')?.definition.destination).toMatchObject({
      accountId: 'account-alex',
    });
  });

  it('starts a new backup in place of a missing one only after confirmation', async () => {
    const state = appState();
    state.jobs[0]!.health.problem = {
      code: 'destinationGone',
      message: 'The backup is gone',
      hint: 'Plug the disk in',
    };
    const { app, user } = await openApp({ state });

    await user.click(screen.getByRole('button', { name: 'Start a new backup there' }));
    const dialog = within(await screen.findByRole('dialog', { name: /Start a new backup for/ }));
    expect(dialog.getByText(/Everything is uploaded again/)).toBeVisible();
    await user.click(dialog.getByRole('button', { name: 'Start a new backup' }));

    expect(screen.queryByRole('dialog')).toBeNull();
    expect(app.job('job-documents')?.state.kind).toBe('running');
  });

  it('does what a run held back once the user confirms it', async () => {
    const state = appState();
    state.jobs[0]!.health.lastBackup!.heldBack = ['massDeletion'];
    const { platform, user } = await openApp({ state });
    const start = vi.spyOn(platform, 'startBackupWith');

    await user.click(screen.getByRole('button', { name: 'Delete old versions' }));
    const dialog = within(await screen.findByRole('dialog', { name: /Delete most versions/ }));
    expect(dialog.getByText(/the clock may have jumped/)).toBeVisible();
    await user.click(dialog.getByRole('button', { name: 'Delete versions' }));

    expect(start).toHaveBeenCalledWith('job-documents', 'massDeletion');
  });

  it('names a source that was not there, and says what is kept of it', async () => {
    const state = appState();
    state.jobs = [state.jobs[0]!];
    const last = run('kept', 1, 'warning', { missingSources: 1 });
    last.missing = [{ path: '/home/alex/Pictures', keptFiles: 72, isEmptied: false }];
    state.jobs[0]!.health = healthAfter(last);
    const { app } = await openApp({ state });
    const card = within(screen.getByRole('article', { name: 'Documents and photos' }));
    const named = /^Pictures was not found. Its 72 files are kept from the previous version./;

    expect(card.getByText(named)).toBeVisible();

    last.missing.push({ path: '/home/alex/Videos/', keptFiles: 1, isEmptied: true });
    app.state.jobs[0]!.health = healthAfter(structuredClone(last));
    const both = /^2 sources were not found. Their 73 files are kept from the previous version./;
    expect(await card.findByText(both)).toBeVisible();
    expect(card.queryByText(/could not be read/)).toBeNull();
  });

  it('shows no number that is not known, and no free space beside a full drive', async () => {
    const state = appState();
    state.jobs = [state.jobs[0]!];
    state.jobs[0]!.quota = { freeBytes: 4.3e9, totalBytes: 5.4e9 };
    const { app } = await openApp({ state });
    const card = within(screen.getByRole('article', { name: 'Documents and photos' }));
    expect(card.getByText('Free space')).toBeVisible();

    app.state.jobs[0]!.health.waitingFor = 'quota';
    app.state.jobs[0]!.versions = null;
    app.state.jobs[0]!.storedBytes = null;

    await vi.waitFor(() => expect(card.queryByText('Free space')).toBeNull());
    expect(card.queryByText('Versions')).toBeNull();
    expect(card.queryByText(/Not known/)).toBeNull();
  });

  it('does not let a job without a schedule wait for one', async () => {
    const state = appState();
    state.jobs = [state.jobs[0]!];
    state.jobs[0]!.health = healthAfter(null);
    state.jobs[0]!.definition.schedule = null;
    state.jobs[0]!.nextRun = null;
    await openApp({ state });
    const card = within(screen.getByRole('article', { name: 'Documents and photos' }));

    expect(card.getByText('It has no schedule. Start it whenever you like.')).toBeVisible();
    expect(card.queryByText(/scheduled run/)).toBeNull();
  });

  it('plans nothing for a job that waits for the user', async () => {
    const state = appState();
    state.jobs = [state.jobs[0]!];
    const error = { code: 'signInRequired' as const, message: 'Signed out.', hint: '' };
    state.jobs[0]!.state = { kind: 'needsAttention', error };
    state.jobs[0]!.nextRun = null;
    await openApp({ state });

    expect(await screen.findByText('Waiting for you')).toBeVisible();
    expect(screen.getByText(/once that is done/)).toBeVisible();
    expect(screen.queryByText('Manual')).toBeNull();
  });

  it('gives a run one time, that of its start', async () => {
    const state = appState();
    state.jobs = [state.jobs[0]!];
    const last = run('long', 30, 'success');
    last.finished = new Date().toISOString();
    state.jobs[0]!.health = healthAfter(last);
    const { app, platform } = await openApp({ state });
    vi.spyOn(platform, 'runHistory').mockResolvedValue([last]);
    const card = within(screen.getByRole('article', { name: 'Documents and photos' }));
    const started = moment(last.started);

    expect(card.getByText(`Backed up · ${started}`)).toBeVisible();
    app.view = { name: 'history', jobId: 'job-documents' };
    expect(await screen.findByText(started)).toBeVisible();
  });

  it('says of a restore nothing but that it was one', async () => {
    const state = appState();
    const failed = run('failed', 2, 'error');
    state.jobs = [state.jobs[0]!];
    state.jobs[0]!.health = { ...healthAfter(failed), waitingFor: 'quota' };
    state.jobs[0]!.lastRun = { ...run('restore', 1, 'success'), operation: 'restore' };
    await openApp({ state });
    const card = within(screen.getByRole('article', { name: 'Documents and photos' }));

    expect(screen.getByRole('heading', { name: 'One backup needs your attention.' })).toBeVisible();
    expect(card.getByText(/^Failed/)).toBeVisible();
    expect(card.getByText(/^Restored/)).toBeVisible();
  });

  it('waits without alarm and leaves the backup a click away', async () => {
    const state = appState();
    state.jobs = [state.jobs[0]!];
    const problem = { code: 'keychain' as const, message: 'It is locked.', hint: 'Unlock it.' };
    state.jobs[0]!.health = {
      ...state.jobs[0]!.health,
      level: 'waiting',
      waitingFor: 'keychain',
      problem,
    };
    await openApp({ state });
    const card = within(screen.getByRole('article', { name: 'Documents and photos' }));

    expect(screen.getByRole('heading', { name: 'One backup is waiting.' })).toBeVisible();
    expect(card.getByText('Waiting for the keychain')).toHaveClass('neutral');
    expect(card.getByText(/It is locked. Unlock it./)).toBeVisible();
    expect(card.getByRole('button', { name: 'Back up now' })).toBeVisible();
    expect(card.queryByRole('button', { name: 'Enter the passphrase' })).toBeNull();
  });

  it('shows what cannot be read', async () => {
    const unreadable = [{ id: 'x', name: 'Of tomorrow', isJob: true }];

    await openApp({ state: { ...appState(), unreadable } });

    expect(screen.getByText('This backup cannot be read: “Of tomorrow”')).toBeVisible();
  });

  it('shows the keychain as its last look found it', async () => {
    const { app } = await openApp();
    const problem = { code: 'keychain' as const, message: 'No keychain', hint: 'Start one' };

    app.apply({ seq: 1, change: { kind: 'keychain', problem } });
    expect(await screen.findByText('No keychain')).toBeVisible();

    app.apply({ seq: 2, change: { kind: 'keychain', problem: null } });
    await vi.waitFor(() => expect(screen.queryByText('No keychain')).toBeNull());
  });

  it('shows damage to the database', async () => {
    const { app } = await openApp();
    const problem = { code: 'failed' as const, message: 'It was damaged.', hint: 'Look.' };

    app.apply({ seq: 1, change: { kind: 'database', problem } });
    expect(await screen.findByText('It was damaged.')).toBeVisible();
    expect(screen.getByText('Look.')).toBeVisible();

    app.apply({ seq: 2, change: { kind: 'database', problem: null } });
    await vi.waitFor(() => expect(screen.queryByText('It was damaged.')).toBeNull());
  });

  it('names what stays before a job is deleted', async () => {
    const { user } = await openApp();

    await user.click(screen.getByRole('button', { name: 'More actions for Music' }));
    await user.click(screen.getByRole('menuitem', { name: 'Delete' }));

    const dialog = within(screen.getByRole('dialog', { name: 'Delete “Music”?' }));
    expect(dialog.getByText(/stays there, untouched/)).toBeVisible();
    await user.click(dialog.getByRole('button', { name: 'Delete backup' }));
    expect(screen.queryByRole('article', { name: 'Music' })).toBeNull();
  });

  it('says so when there is no tray and no keychain', async () => {
    const keychainProblem = {
      code: 'keychain' as const,
      message: 'No keychain',
      hint: 'Start one',
    };

    await openApp({ state: { ...appState(), tray: 'unavailable', keychainProblem } });

    expect(screen.getByText(/No tray on this desktop/)).toBeVisible();
    expect(screen.getByText('No keychain')).toBeVisible();
    expect(screen.getByText('Demo')).toBeVisible();
  });
});
