import { describe, expect, it } from 'vitest';

import { listFolder } from '../../platform/browser/tree';
import { Selection } from './selection.svelte';

const documents = '/home/alex/Documents/';
const thesis = `${documents}Thesis/`;

function selection(): Selection {
  return new Selection(async (folder) => listFolder(folder, 0, 10_000).entries);
}

describe('selection', () => {
  it('takes a folder to stand for everything in it', async () => {
    const chosen = selection();

    await chosen.toggle(documents);

    expect(chosen.paths).toEqual([documents]);
    expect(chosen.has(`${thesis}chapter-1.tex`)).toBe(true);
  });

  it('deselects the content of a folder when the folder is selected', async () => {
    const chosen = selection();

    await chosen.toggle(`${thesis}chapter-1.tex`);
    expect(chosen.hasPartOf(documents)).toBe(true);
    await chosen.toggle(documents);

    expect(chosen.paths).toEqual([documents]);
  });

  it('names all siblings when one entry is taken out of a chosen folder', async () => {
    const chosen = selection();
    await chosen.toggle(documents);

    await chosen.toggle(`${thesis}chapter-1.tex`);

    expect(chosen.paths.toSorted()).toEqual([
      `${documents}Accounts/`,
      `${documents}Letters/`,
      `${thesis}chapter-2.tex`,
      `${thesis}figures/`,
      `${documents}passport-scan.pdf`,
      `${documents}todo.md`,
    ]);
  });
});
