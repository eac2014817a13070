import { screen, within } from '@testing-library/svelte';
import { describe, expect, it, vi } from 'vitest';

import type { CommandError } from '../bindings/CommandError';
import type { RestoreRequest } from '../bindings/RestoreRequest';
import type { RunSummary } from '../bindings/RunSummary';
import { run } from '../platform/browser/fixtures';
import type { Platform } from '../platform/platform';
import { openApp } from '../test-app';

const ofDocuments = {
  name: 'restoreFiles',
  source: { kind: 'job', jobId: 'job-documents' },
} as const;

describe('restore', () => {
  it('goes from files over a target to a summary that names every failure', async () => {
    const { platform, user } = await openApp({ view: ofDocuments });
    const startRestore = vi.spyOn(platform, 'startRestore');

    await user.click(await screen.findByRole('button', { name: 'Open /home/alex/Documents' }));
    await user.click(await screen.findByRole('checkbox', { name: 'Select todo.md' }));
    expect(screen.getByText('1 item selected')).toBeVisible();
    await user.click(screen.getByRole('button', { name: 'Continue' }));
    await user.click(screen.getByRole('radio', { name: /Another folder/ }));
    expect(screen.getByRole('button', { name: 'Restore now' })).toBeDisabled();
    await user.click(screen.getByRole('button', { name: 'Choose target folder' }));
    await user.click(screen.getByRole('button', { name: 'Restore now' }));

    expect(startRestore.mock.calls[0]![0]).toMatchObject({
      version: 0,
      paths: ['/home/alex/Documents/todo.md'],
      target: '/home/alex/Restored',
      existing: 'keepBoth',
    });
    const title = 'Restored 137 of 139 files';
    expect(await screen.findByRole('heading', { level: 1, name: title })).toBeVisible();
    expect(screen.getByText('/home/alex/Restored')).toBeVisible();
    const renamed = within(screen.getByRole('list', { name: 'Restored under new names' }));
    expect(renamed.getByText('/home/alex/Restored/Letters/landlord.2026-11-25.odt')).toBeVisible();
    const failed = within(await screen.findByRole('list', { name: 'Not restored' }));
    expect(failed.getAllByRole('listitem')).toHaveLength(2);
    expect(failed.getByText('/home/alex/Pictures/2024/IMG_2217.heic')).toBeVisible();

    const openRestored = vi.spyOn(platform, 'openRestored');
    await user.click(screen.getByRole('button', { name: 'Open folder' }));
    expect(openRestored).toHaveBeenCalledTimes(1);
    await user.click(screen.getByRole('button', { name: 'Try again' }));
    await vi.waitFor(() => expect(startRestore).toHaveBeenCalledTimes(2));
    // Only the files that were not restored, from the backup that is still open.
    expect(startRestore.mock.calls[1]![0]).toMatchObject({
      handle: startRestore.mock.calls[0]![0].handle,
      paths: [
        '/home/alex/Pictures/2024/IMG_2217.heic',
        '/home/alex/Documents/Accounts/ledger.sqlite',
      ],
    });
  }, 20_000);

  it('offers no other try for a version that is gone', async () => {
    const { app } = await openApp({ view: ofDocuments });
    const request: RestoreRequest = {
      handle: 'opened',
      version: 3,
      paths: [],
      target: null,
      existing: 'keepBoth',
    };
    app.view = { name: 'restoreRun', runId: 'run-gone', jobId: null, request };
    const error: CommandError = {
      code: 'notFound',
      message: 'The version of 2026-11-20 no longer exists.',
      hint: 'Open the backup again.',
    };
    const ended = run('run-gone', 0.1, 'error');
    const summary: RunSummary = { ...ended, operation: 'restore', error };
    const change = { kind: 'restore', runId: 'run-gone', progress: null, summary } as const;
    app.apply({ seq: app.state.seq + 1, change });

    expect(await screen.findByText(error.message)).toBeVisible();
    expect(screen.queryByRole('button', { name: 'Try again' })).toBeNull();
  });

  it('cancels opening a backup when the page is left', async () => {
    let signal: AbortSignal | undefined;
    const { app, platform } = await openApp();
    vi.spyOn(platform as Platform, 'openBackup').mockImplementation((_backup, given) => {
      signal = given;
      return new Promise(() => undefined);
    });

    app.view = ofDocuments;
    await vi.waitFor(() => expect(signal?.aborted).toBe(false));
    app.view = { name: 'home' };

    await vi.waitFor(() => expect(signal?.aborted).toBe(true));
  });

  it('says nothing of matches before the version is read', async () => {
    const { platform, user } = await openApp({ view: ofDocuments });
    const search = await screen.findByRole('searchbox');
    let answer: () => void = () => undefined;
    const found = platform.searchEntries.bind(platform);
    vi.spyOn(platform, 'searchEntries').mockImplementation(async (...asked) => {
      await new Promise<void>((resolve) => (answer = resolve));
      return found(...asked);
    });

    await user.type(search, 'chapter');

    expect(await screen.findByText('Searching…')).toBeVisible();
    expect(screen.queryByText(/0 matches/)).toBeNull();
    answer();
    expect(await screen.findByText('2 matches')).toBeVisible();
  });

  it('loads long folders page by page', async () => {
    const { user } = await openApp({ view: ofDocuments });

    await user.click(await screen.findByRole('button', { name: 'Open /home/alex/Pictures' }));
    await user.click(await screen.findByRole('button', { name: 'Open 2025' }));
    const more = await screen.findByRole('button', { name: 'Show more (440 left)' });
    const list = within(screen.getByRole('list', { name: '2025' }));
    expect(list.getAllByRole('listitem')).toHaveLength(200);

    await user.click(more);

    await vi.waitFor(() => expect(list.getAllByRole('listitem')).toHaveLength(400));
  }, 20_000);

  it('finds files by name', async () => {
    const { user } = await openApp({ view: ofDocuments });

    await user.type(await screen.findByRole('searchbox'), 'chapter');

    expect(await screen.findByText('2 matches')).toBeVisible();
    expect(
      screen.getByRole('checkbox', { name: 'Select /home/alex/Documents/Thesis/chapter-1.tex' }),
    ).toBeVisible();
  });

  it('continues an opened backup without asking for its passphrase again', async () => {
    const { app, platform, user } = await openApp({ view: { name: 'restoreOpen' } });
    const check = vi.spyOn(platform, 'checkPassphrase');
    const close = vi.spyOn(platform, 'closeBackup');
    await user.type(await screen.findByLabelText('Folder'), 'Backups/desktop-2019');
    await user.type(screen.getByLabelText('Passphrase'), 'harbor{Enter}');

    await user.click(await screen.findByRole('button', { name: 'Keep backing up into it' }));
    await user.click(screen.getByRole('button', { name: 'Next' }));
    expect(screen.getByLabelText('Folder')).toHaveValue('Backups/desktop-2019');
    expect(
      await screen.findByRole('checkbox', { name: /Continue this backup/ }, { timeout: 3000 }),
    ).toBeChecked();
    expect(
      await screen.findByText('The passphrase in the keychain opens the backup.'),
    ).toBeVisible();
    expect(screen.queryByLabelText('Passphrase')).toBeNull();
    expect(check.mock.calls[0]![0]).toMatchObject({ folder: 'Backups/desktop-2019' });
    expect(check.mock.calls[0]![2]).toBe('');
    expect(close).not.toHaveBeenCalled();
    app.view = { name: 'home' };
    await vi.waitFor(() => expect(close).toHaveBeenCalledTimes(1));
  }, 20_000);

  it('opens a backup that no job here knows', async () => {
    const { app, user } = await openApp({ view: { name: 'restoreOpen' } });

    await user.type(await screen.findByLabelText('Folder'), 'Backups/laptop');
    await user.type(screen.getByLabelText('Passphrase'), 'wrong');
    await user.click(screen.getByRole('button', { name: 'Open backup' }));
    expect(await screen.findByText(/This passphrase does not open the backup/)).toBeVisible();
    expect(screen.getByLabelText('Passphrase')).toBeInvalid();
    expect(screen.queryByRole('button', { name: 'Try again' })).toBeNull();
    await user.type(screen.getByLabelText('Passphrase'), ' no more{Enter}');

    await vi.waitFor(() => expect(app.view.name).toBe('restoreFiles'));
    expect(await screen.findByRole('list', { name: 'Files in this version' })).toBeVisible();

    // The other computer's paths are shown, and a new folder is suggested instead.
    await user.click(screen.getByRole('button', { name: 'Select everything' }));
    expect(screen.getByRole('radio', { name: /Another folder/ })).toBeChecked();
    expect(screen.getByLabelText('Target folder')).toHaveValue(
      '/home/alex/Downloads/Restored 2026-11-26',
    );
    expect(screen.getByText('/home/alex/Documents/, /home/alex/Pictures/')).toBeVisible();
    await user.click(screen.getByRole('button', { name: 'Restore now' }));
    await screen.findByRole('heading', { level: 1, name: /^Restored 137 of 139/ });

    app.view = { name: 'restore' };
    await user.click(await screen.findByRole('button', { name: /^Earlier restores/ }));
    expect(await screen.findByRole('heading', { name: /^Earlier restores/ })).toBeVisible();
    expect(await screen.findByText(/Downloads\/Restored 2026-11-26$/)).toBeVisible();
  }, 20_000);

  it('offers a backup that was opened before, until it is removed', async () => {
    const { app, platform, user } = await openApp({ view: { name: 'restoreOpen' } });
    const open = vi.spyOn(platform, 'openBackup');
    await user.type(await screen.findByLabelText('Folder'), 'Backups/desktop-2019');
    await user.click(screen.getByText('Advanced'));
    await user.type(screen.getByLabelText('Prefix'), 'old');
    await user.type(screen.getByLabelText('Passphrase'), 'harbor{Enter}');
    await vi.waitFor(() => expect(app.view.name).toBe('restoreFiles'));

    app.view = { name: 'restore' };
    await user.click(await screen.findByRole('button', { name: /^Open OneDrive .*desktop-2019$/ }));
    expect(await screen.findByLabelText('Folder')).toHaveValue('Backups/desktop-2019');
    expect(screen.getByLabelText('Prefix')).toHaveValue('old');
    await user.click(screen.getByRole('button', { name: 'Open backup' }));
    await vi.waitFor(() => expect(open).toHaveBeenCalledTimes(2));
    const [first, second] = open.mock.calls.map(([ref]) => ref);
    expect(second).toEqual({ ...first, passphrase: '' });

    app.view = { name: 'restore' };
    const list = await screen.findByRole('region', { name: 'Other backups' });
    expect(within(list).getAllByRole('listitem')).toHaveLength(1);
    await user.click(within(list).getByRole('button', { name: /^Remove OneDrive/ }));
    await vi.waitFor(() => expect(screen.queryByText('Other backups')).toBeNull());
    expect(await platform.openedPlaces()).toEqual([]);
  }, 20_000);
});
