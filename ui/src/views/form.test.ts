import { screen, within } from '@testing-library/svelte';
import { describe, expect, it, vi } from 'vitest';

import { appState } from '../platform/browser/fixtures';
import { openApp } from '../test-app';

const newForm = { name: 'form', jobId: null } as const;
const passphrase = 'harbor velvet otter';

async function openForm(accounts = appState().accounts) {
  return openApp({ view: newForm, state: { ...appState(), accounts } });
}

type User = Awaited<ReturnType<typeof openForm>>['user'];

/** A folder that does not exist yet, for which a new passphrase is needed. */
async function toNewFolder(user: User) {
  await next(user);
  await user.click(screen.getByRole('radio', { name: /A folder on this computer/ }));
  await user.type(screen.getByLabelText('Path'), '/media/disk');
  await user.click(screen.getByRole('button', { name: 'Test' }));
  await screen.findByText('New folder');
}

function next(user: User) {
  return user.click(screen.getByRole('button', { name: 'Next' }));
}

function step(name: string) {
  return screen.findByRole('heading', { level: 2, name });
}

describe('general', () => {
  it('says why the step is not complete', async () => {
    const { user } = await openForm();

    await user.clear(screen.getByLabelText('Name'));
    await next(user);

    const problems = within(screen.getByRole('alert'));
    expect(problems.getByText('Enter a name for the backup.')).toBeVisible();
  });

  it('continues with Enter', async () => {
    const { user } = await openForm();

    await user.type(screen.getByLabelText('Name'), '{Enter}');

    expect(await step('Destination')).toBeVisible();
  });

  it('keeps a draft, but never the passphrase', async () => {
    const { user } = await openForm();

    await user.type(screen.getByLabelText('Name'), ' at home');
    await toNewFolder(user);
    await user.type(screen.getByLabelText('Passphrase'), passphrase);

    await vi.waitFor(() => expect(JSON.stringify(localStorage)).toContain('laptop at home'));
    expect(JSON.stringify(localStorage)).not.toContain(passphrase);
  });
});

describe('destination', () => {
  it('fills the AuthID field when the browser is done', async () => {
    const { user } = await openForm([]);
    await next(user);

    expect(screen.getByLabelText('AuthID')).toHaveValue('');
    await user.click(screen.getByRole('button', { name: 'AuthID: sign in with Microsoft' }));

    expect(await screen.findByText('Waiting for you to sign in with the browser')).toBeVisible();
    expect(screen.getByRole('button', { name: 'Cancel sign-in' })).toBeVisible();
    expect(await screen.findByText('Signed in as alex.winter@outlook.example')).toBeVisible();
    expect(screen.getByLabelText('AuthID')).not.toHaveValue('');
    expect(await screen.findByLabelText('Folder')).toHaveValue('Backups/laptop-2');
  });

  it('takes an AuthID that was pasted', async () => {
    const { user } = await openForm([]);
    await next(user);

    await user.type(screen.getByLabelText('AuthID'), 'nonsense');
    await user.click(screen.getByRole('button', { name: 'Use this AuthID' }));
    expect(await screen.findByText('This is not an AuthID.')).toBeVisible();
    await user.clear(screen.getByLabelText('AuthID'));
    await user.type(screen.getByLabelText('AuthID'), 'a1b2:0123456789');
    await user.click(screen.getByRole('button', { name: 'Use this AuthID' }));

    expect(await screen.findByText('Signed in as pasted@outlook.example')).toBeVisible();
  });

  it('puts no suggestion into a folder that is being typed', async () => {
    const { platform, user } = await openForm();
    let suggest: (folder: string) => void = () => {};
    vi.spyOn(platform, 'suggestFolder').mockReturnValue(
      new Promise((resolve) => (suggest = resolve)),
    );
    await next(user);
    await user.selectOptions(screen.getByLabelText('Account'), 'account-alex');
    const folder = await screen.findByLabelText('Folder');

    await user.click(folder);
    suggest('Backups/laptop-2');
    await user.type(folder, 'Mine');
    await screen.findByRole('radio', { name: /OneDrive own drive/ });

    expect(screen.getByLabelText('Folder')).toHaveValue('Mine');
  });

  it('signs in with Microsoft directly, using a device code', async () => {
    const { user } = await openForm([]);
    await next(user);

    await user.click(screen.getByRole('button', { name: 'use a device code' }));

    expect(await screen.findByLabelText('Code')).toHaveTextContent('K7QM2XWPD');
    expect(await screen.findByText('Signed in as alex.winter@outlook.example')).toBeVisible();
  });

  it('asks before it continues a backup that the folder holds', async () => {
    const { user } = await openForm();
    await next(user);
    await user.selectOptions(screen.getByLabelText('Account'), 'account-alex');

    const folder = await screen.findByLabelText('Folder');
    await user.clear(folder);
    await user.type(folder, 'Backups/desktop-2019');
    await user.click(screen.getByRole('button', { name: 'Test' }));
    expect(await screen.findByText('This folder already contains a backup')).toBeVisible();
    await next(user);
    expect(
      screen.getByText(/Confirm that you want to continue the backup in this folder/),
    ).toBeVisible();

    await user.click(screen.getByRole('checkbox', { name: /Continue this backup/ }));
    await next(user);
    expect(screen.getByText('Type the passphrase of this backup and check it.')).toBeVisible();
    await user.type(screen.getByLabelText('Passphrase'), 'wrong{Enter}');
    expect(await screen.findByText(/does not open the backup/)).toBeVisible();
    await user.type(screen.getByLabelText('Passphrase'), ' no more{Enter}');
    expect(await screen.findByText('It opens the backup.')).toBeVisible();
    await next(user);
    expect(await step('Source data')).toBeVisible();
    expect(screen.queryByRole('button', { name: /Sheet/ })).toBeNull();
  });
});

describe('the whole form', () => {
  it('creates the backup that was described', async () => {
    const { app, platform, user } = await openForm();
    const createJob = vi.spyOn(platform, 'createJob');

    await toNewFolder(user);
    await user.type(screen.getByLabelText('Passphrase'), passphrase);
    await next(user);
    await user.click(screen.getByRole('checkbox', { name: '/home/alex/Documents' }));
    await user.type(screen.getByLabelText('Path'), '/srv/data');
    await user.click(screen.getByRole('button', { name: 'Add rule' }));
    await user.type(screen.getByLabelText('Rule 3: expression'), '*.tmp');
    await next(user);
    await user.click(screen.getByRole('checkbox', { name: 'Sunday' }));
    await next(user);
    await next(user);
    await user.type(screen.getByLabelText('Or retype the passphrase'), passphrase);
    await user.click(screen.getByRole('button', { name: 'Create backup' }));

    await vi.waitFor(() => expect(app.view.name).toBe('home'));
    const [{ definition, passphrase: sent }] = createJob.mock.calls[0]!;
    expect(sent).toBe(passphrase);
    expect(definition).toMatchObject({
      destination: { kind: 'folder', path: '/media/disk' },
      sources: ['/home/alex/Documents', '/srv/data'],
      filters: [
        { include: false, expression: '{CacheFiles}' },
        { include: false, expression: '{TemporaryFiles}' },
        { include: false, expression: '*.tmp' },
      ],
      options: {
        volumeBytes: 52_428_800,
        prefix: 'duplicati',
        retention: { kind: 'policy', policy: '1W:1D,4W:1W,12M:1M' },
      },
    });
    expect(definition.schedule?.days).toHaveLength(6);
    expect(localStorage).toHaveLength(0);
  });

  it('leaves the stored passphrase alone when a backup is edited', async () => {
    const { platform, user } = await openApp({ view: { name: 'form', jobId: 'job-documents' } });
    const updateJob = vi.spyOn(platform, 'updateJob');

    await user.type(screen.getByLabelText('Name'), ' 2');
    await user.click(screen.getByRole('button', { name: 'Save changes' }));

    const [, request] = updateJob.mock.calls[0]!;
    expect(request.definition.name).toBe('Documents and photos 2');
    expect(request.passphrase).toBeNull();
  });

  it('keeps fewer versions the older they are', async () => {
    const { platform, user } = await openApp({
      view: { name: 'form', jobId: 'job-documents', step: 'options' },
    });
    const updateJob = vi.spyOn(platform, 'updateJob');
    expect(screen.getByRole('radio', { name: 'Keep the newest' })).toBeChecked();

    await user.click(screen.getByRole('radio', { name: 'Custom rule' }));
    const rule = screen.getByLabelText('Retention policy');
    await user.clear(rule);
    await user.type(rule, 'often');
    await user.click(screen.getByRole('button', { name: 'Save changes' }));
    expect(screen.getByText(/A rule is a list of time frames/)).toBeVisible();

    await user.click(screen.getByRole('radio', { name: 'Smart' }));
    await user.click(screen.getByRole('button', { name: 'Save changes' }));

    const [, request] = updateJob.mock.calls[0]!;
    expect(request.definition.options.retention).toEqual({
      kind: 'policy',
      policy: '1W:1D,4W:1W,12M:1M',
    });
  });

  it('moves filter rules up and down', async () => {
    const { user } = await openApp({
      view: { name: 'form', jobId: 'job-documents', step: 'sources' },
    });

    await user.click(screen.getByRole('button', { name: 'Move rule 2 up' }));

    expect(screen.getByLabelText('Rule 1: expression')).toHaveValue('*.tmp');
    expect(screen.getByRole('button', { name: 'Move rule 1 up' })).toBeDisabled();
  });
});
