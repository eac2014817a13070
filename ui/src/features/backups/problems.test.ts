import { expect, it } from 'vitest';

import { t } from '../../messages';
import { appState } from '../../platform/browser/fixtures';
import type { Draft } from './draft.svelte';
import { newFields } from './fields';
import { problemsOf } from './problems';

// The same rule as the engine's `VolumeName::is_valid_prefix`.
it.each([
  ['duplicati', true],
  ['laptop.2026_a', true],
  ['büro', true],
  ['', false],
  ['my-backup', false],
  ['a b', false],
])('takes the prefix %j as the engine does: %s', (prefix, isGood) => {
  const fields = newFields(appState().defaults);
  fields.options.prefix = prefix;

  const problems = problemsOf({ fields } as Draft, 'options');

  expect(problems).toEqual(isGood ? [] : [t.options.problem.prefix]);
});
