import { screen, within } from '@testing-library/svelte';
import { describe, expect, it, vi } from 'vitest';

import type { CommandError } from '../bindings/CommandError';
import { appState } from '../platform/browser/fixtures';
import { openApp } from '../test-app';

const editForm = { name: 'form', jobId: 'job-documents' } as const;

function waitingFor(code: CommandError['code']) {
  const state = appState();
  state.jobs[0]!.state = {
    kind: 'needsAttention',
    error: { code, message: `It waits: ${code}`, hint: 'Do something' },
  };
  return state;
}

async function openMenu(user: Awaited<ReturnType<typeof openApp>>['user'], item: string) {
  await user.click(screen.getByRole('button', { name: 'More actions for Documents and photos' }));
  await user.click(screen.getByRole('menuitem', { name: item }));
}

describe('the passphrase of a new backup', () => {
  it('is asked for where no backup is, and kept elsewhere at the end', async () => {
    const { user } = await openApp({ view: { name: 'form', jobId: null } });
    expect(screen.queryByLabelText('Passphrase')).toBeNull();
    await user.click(screen.getByRole('button', { name: 'Next' }));
    await user.click(screen.getByRole('radio', { name: /A folder on this computer/ }));
    await user.type(screen.getByLabelText('Path'), '/media/disk');
    // Continuing waits for the check of the folder.
    await user.click(screen.getByRole('button', { name: 'Next' }));
    expect(await screen.findByText('Choose a passphrase or generate one.')).toBeVisible();
    await user.click(screen.getByRole('button', { name: 'Generate' }));
    await user.click(screen.getByRole('button', { name: 'Next' }));
    await user.click(screen.getByRole('checkbox', { name: '/home/alex/Documents' }));
    for (const heading of ['Schedule', 'Options', 'Recovery sheet']) {
      await user.click(screen.getByRole('button', { name: 'Next' }));
      await screen.findByRole('heading', { level: 2, name: heading });
    }

    await user.click(screen.getByRole('button', { name: 'Create backup' }));
    expect(
      screen.getByText('Save or print the recovery sheet, or retype the passphrase.'),
    ).toBeVisible();
    await user.click(screen.getByRole('button', { name: 'Save recovery sheet' }));
    expect(await screen.findByText(/^Recovery sheet saved to/)).toBeVisible();

    // A sheet that differs from what is saved does not count.
    await user.click(screen.getByRole('button', { name: /General/ }));
    await user.type(screen.getByLabelText('Name'), ' 2');
    await user.click(screen.getByRole('button', { name: /Sheet/ }));
    expect(screen.getByRole('button', { name: 'Save recovery sheet' })).toBeVisible();
  }, 20_000);
});

describe('the passphrase of a backup that exists', () => {
  it('cannot be generated, only typed, tried and then replaced', async () => {
    const { platform, user } = await openApp({ view: editForm });
    const repair = vi.spyOn(platform, 'repairPassphrase');
    expect(screen.getByText('Passphrase: stored in the keychain')).toBeVisible();
    expect(screen.queryByRole('button', { name: 'Generate' })).toBeNull();

    await user.click(screen.getByRole('button', { name: 'Repair' }));
    await user.type(screen.getByLabelText('Passphrase'), 'wrong{Enter}');
    expect(await screen.findByText(/does not open the backup/)).toBeVisible();
    expect(screen.getByLabelText('Passphrase')).toBeInvalid();
    expect(screen.queryByRole('button', { name: 'Generate' })).toBeNull();
    await user.type(screen.getByLabelText('Passphrase'), ' no more');
    expect(screen.queryByText(/does not open the backup/)).toBeNull();
    await user.click(screen.getByRole('button', { name: 'Check and replace' }));

    expect(await screen.findByText(/It opens the backup and is now in the keychain/)).toBeVisible();
    expect(repair).toHaveBeenLastCalledWith('job-documents', 'wrong no more');
  });

  it('is checked in the dialog of a waiting job, and the run resumes', async () => {
    const { app, user } = await openApp({ state: waitingFor('wrongPassphrase') });

    await user.click(screen.getByRole('button', { name: 'Enter the passphrase' }));
    const dialog = within(screen.getByRole('dialog', { name: 'Enter the passphrase' }));
    await user.type(dialog.getByLabelText('Passphrase'), 'wrong{Enter}');
    expect(await dialog.findByText(/does not open the backup/)).toBeVisible();
    expect(app.job('job-documents')?.state.kind).toBe('needsAttention');
    await user.type(dialog.getByLabelText('Passphrase'), ' no more{Enter}');

    await vi.waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
    await vi.waitFor(() => expect(app.job('job-documents')?.state.kind).toBe('running'));
  });

  it('is not asked for when only the keychain is away', async () => {
    const state = appState();
    state.jobs[0]!.health = {
      ...state.jobs[0]!.health,
      level: 'waiting',
      waitingFor: 'keychain',
      problem: { code: 'keychain', message: 'The keychain is locked.', hint: 'Unlock it.' },
    };
    const { app, user } = await openApp({ state });
    const card = within(screen.getByRole('article', { name: 'Documents and photos' }));

    expect(card.getByText('Waiting for the keychain')).toBeVisible();
    expect(card.queryByRole('button', { name: 'Enter the passphrase' })).toBeNull();
    await user.click(card.getByRole('button', { name: 'Back up now' }));

    await vi.waitFor(() => expect(app.job('job-documents')?.state.kind).toBe('running'));
  });

  it('is on a recovery sheet that the job’s menu makes at any time', async () => {
    const { app, platform, user } = await openApp();
    const save = vi.spyOn(platform, 'saveRecoverySheet');
    const printed: string[] = [];
    vi.stubGlobal('print', () => {
      const values = app.sheet?.lines.map((line) => line.value) ?? [];
      printed.push(...values, document.querySelector('article.sheet')?.textContent ?? '');
    });

    await openMenu(user, 'Recovery sheet');
    const dialog = within(screen.getByRole('dialog', { name: /^Recovery sheet of/ }));
    await user.click(dialog.getByRole('button', { name: 'Save recovery sheet' }));
    expect(await dialog.findByText(/^Recovery sheet saved to/)).toBeVisible();
    await user.click(dialog.getByRole('button', { name: 'Print recovery sheet' }));

    expect(save).toHaveBeenCalledWith({ kind: 'job', jobId: 'job-documents' });
    await vi.waitFor(() => expect(printed).toContain('Backups/laptop'));
    expect(printed.at(-1)).toContain('duplicati');
    window.dispatchEvent(new Event('afterprint'));
    expect(app.sheet).toBeNull();
    vi.unstubAllGlobals();
  });

  it('stays for its backup when the job is deleted, until it is removed', async () => {
    const { app, user } = await openApp();
    await openMenu(user, 'Delete');
    const dialog = within(screen.getByRole('dialog', { name: /Delete/ }));
    expect(dialog.getByText(/passphrase stays in this computer’s keychain/)).toBeVisible();
    await user.click(dialog.getByRole('button', { name: 'Delete backup' }));

    app.view = { name: 'settings' };
    const remove = await screen.findByRole('button', {
      name: 'Remove the passphrase of Documents and photos',
    });
    await user.click(remove);
    await user.click(screen.getByRole('button', { name: 'Remove passphrase' }));

    await vi.waitFor(() => expect(screen.queryByText('Stored passphrases')).toBeNull());
  });
});
