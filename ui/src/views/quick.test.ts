import { screen, within } from '@testing-library/svelte';
import { describe, expect, it, vi } from 'vitest';

import { appState } from '../platform/browser/fixtures';
import { openApp } from '../test-app';

async function openQuick(accounts = appState().accounts) {
  return openApp({ view: { name: 'quick' }, state: { ...appState(), jobs: [], accounts } });
}

type User = Awaited<ReturnType<typeof openQuick>>['user'];

function next(user: User) {
  return user.click(screen.getByRole('button', { name: 'Next' }));
}

function page(title: string) {
  return screen.findByRole('heading', { level: 2, name: title });
}

describe('the first backup', () => {
  it('takes the folders of the person, a new folder and a generated passphrase', async () => {
    const { app, platform, user } = await openQuick([]);
    const createJob = vi.spyOn(platform, 'createJob');
    const startBackup = vi.spyOn(platform, 'startBackup');
    expect(screen.getByRole('checkbox', { name: /Documents/ })).toBeChecked();
    expect(await screen.findByText(/^4 folders · [\d,]+ files · /)).toBeVisible();
    await user.click(screen.getByRole('checkbox', { name: /Music/ }));
    await next(user);

    expect(await page('Where should it be kept?')).toBeVisible();
    await user.click(screen.getByRole('button', { name: 'Sign in with Microsoft' }));
    expect(await screen.findByText('Signed in as alex.winter@outlook.example')).toBeVisible();
    expect(await screen.findByLabelText('Folder')).toHaveValue('Backups/laptop-2');
    await next(user);

    expect(await page('Ready to start')).toBeVisible();
    expect(screen.getByText('Caches, temporary files')).toBeVisible();
    await user.click(screen.getByRole('button', { name: 'Start backup' }));
    const problems = within(screen.getByRole('alert'));
    expect(problems.getByText(/Save or print the recovery sheet/)).toBeVisible();
    await user.click(screen.getByRole('button', { name: 'Save recovery sheet' }));
    await user.click(screen.getByRole('button', { name: 'Start backup' }));

    await vi.waitFor(() => expect(app.view.name).toBe('home'));
    const [{ definition, passphrase }] = createJob.mock.calls[0]!;
    expect(passphrase).toBe('harbor-velvet-otter-quilt-lantern-92');
    expect(definition).toMatchObject({
      encrypted: true,
      destination: { kind: 'oneDrive', folder: 'Backups/laptop-2' },
      sources: ['/home/alex/Documents', '/home/alex/Pictures', '/home/alex/Desktop'],
      options: { retention: { kind: 'policy' } },
      schedule: { every: 1, unit: 'days' },
    });
    await vi.waitFor(() => expect(startBackup).toHaveBeenCalledOnce());
    expect(localStorage).toHaveLength(0);
  });

  it('continues a backup that the folder holds', async () => {
    const { user } = await openQuick();
    await next(user);
    const folder = await screen.findByLabelText('Folder');
    await user.clear(folder);
    await user.type(folder, 'Backups/desktop-2019');
    await user.click(await screen.findByRole('checkbox', { name: /Continue this backup/ }));

    await next(user);
    expect(screen.getByText('Type the passphrase of this backup and check it.')).toBeVisible();
    await user.type(screen.getByLabelText('Passphrase'), 'the right one{Enter}');
    expect(await screen.findByText('It opens the backup.')).toBeVisible();
    await next(user);

    expect(await page('Ready to start')).toBeVisible();
    expect(screen.getByText('Continues the backup in this folder.')).toBeVisible();
    expect(screen.queryByRole('button', { name: 'Save recovery sheet' })).toBeNull();
  });

  it('takes over that an existing backup is not encrypted, and nothing else does', async () => {
    const { app, platform, user } = await openQuick();
    const check = await platform.checkDestination({
      kind: 'oneDrive',
      accountId: 'account-alex',
      driveId: '',
      folder: 'New',
    });
    vi.spyOn(platform, 'checkDestination').mockImplementation(async (destination) =>
      'folder' in destination && destination.folder === 'Plain'
        ? { ...check, content: { kind: 'backup', versions: [], encrypted: false } }
        : check,
    );
    const createJob = vi.spyOn(platform, 'createJob');
    await next(user);
    const folder = await screen.findByLabelText('Folder');
    await user.clear(folder);
    await user.type(folder, 'Plain');
    await user.click(await screen.findByRole('checkbox', { name: /Continue this backup/ }));
    await next(user);
    expect(await page('Ready to start')).toBeVisible();

    await user.click(screen.getByRole('button', { name: 'Change: Where' }));
    const again = await screen.findByLabelText('Folder');
    await user.clear(again);
    await user.type(again, 'New');
    await screen.findByText('New folder');
    await next(user);
    await page('Ready to start');
    await user.click(screen.getByRole('button', { name: 'Save recovery sheet' }));
    await user.click(screen.getByRole('button', { name: 'Start backup' }));

    await vi.waitFor(() => expect(app.view.name).toBe('home'));
    expect(createJob.mock.calls[0]![0].definition.encrypted).toBe(true);
  });

  it('changes a setting where it is summed up', async () => {
    const { user } = await openQuick();
    await next(user);
    await screen.findByLabelText('Folder');
    await next(user);
    await page('Ready to start');

    await user.click(screen.getByRole('button', { name: 'Change: Versions' }));
    await user.click(screen.getByRole('radio', { name: 'Keep all versions' }));

    expect(screen.getByText('Keep all versions. Nothing is ever deleted.')).toBeVisible();
  });

  it('says what is missing', async () => {
    const { user } = await openQuick([]);
    for (const box of screen.getAllByRole('checkbox')) await user.click(box);

    await next(user);

    expect(screen.getByText('Choose at least one folder or file.')).toBeVisible();
    expect(screen.getByRole('alert')).toHaveFocus();
  });
});
