import { render, screen } from '@testing-library/svelte';
import { expect, it } from 'vitest';

import StartFailed from './StartFailed.svelte';

const words = { message: 'It is of a newer version.', hint: 'Update Coffer.' };

it('says that Coffer has to be updated, which trying again does not help', () => {
  render(StartFailed, { reason: { code: 'outdated', ...words } });

  expect(screen.getByRole('heading', { name: 'Coffer needs an update' })).toBeVisible();
  expect(screen.getByRole('alert')).toHaveTextContent('Update Coffer.');
  expect(screen.queryByRole('button')).not.toBeInTheDocument();
});

it('offers to try again what may have passed', () => {
  render(StartFailed, { reason: { code: 'failed', ...words } });

  expect(screen.getByRole('heading', { name: 'Coffer could not start' })).toBeVisible();
  expect(screen.getByRole('button', { name: 'Try again' })).toBeVisible();
});
