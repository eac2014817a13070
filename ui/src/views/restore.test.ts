import { screen, within } from '@testing-library/svelte';
import { describe, expect, it, vi } from 'vitest';

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
    expect(await screen.findByRole('heading', { name: 'Restore finished' })).toBeVisible();
    const failed = within(await screen.findByRole('list', { name: 'Not restored' }));
    expect(failed.getAllByRole('listitem')).toHaveLength(2);
    expect(failed.getByText('/home/alex/Pictures/2024/IMG_2217.heic')).toBeVisible();
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

  it('opens a backup that no job here knows', async () => {
    const { app, user } = await openApp({ view: { name: 'restoreOpen' } });

    await user.type(await screen.findByLabelText('Folder'), 'Backups/laptop');
    await user.type(screen.getByLabelText('Passphrase'), 'wrong');
    await user.click(screen.getByRole('button', { name: 'Open backup' }));
    const alert = within(await screen.findByRole('alert'));
    expect(alert.getByText('This passphrase does not open the backup.')).toBeVisible();
    expect(alert.getByText(/recovery sheet/)).toBeVisible();
    await user.type(screen.getByLabelText('Passphrase'), ' no more');
    await user.click(screen.getByRole('button', { name: 'Open backup' }));

    await vi.waitFor(() => expect(app.view.name).toBe('restoreFiles'));
    expect(await screen.findByRole('list', { name: 'Files in this version' })).toBeVisible();
  });
});
