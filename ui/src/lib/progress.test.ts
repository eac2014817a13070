import { describe, expect, it } from 'vitest';

import { atName } from './progress.svelte';

describe('a path that is cut', () => {
  it('keeps its name, also of a folder', () => {
    expect(atName('/home/alex/Letters/bank.odt')).toEqual(['/home/alex/Letters/', 'bank.odt']);
    expect(atName('/home/alex/Letters/')).toEqual(['/home/alex/', 'Letters/']);
    expect(atName('C:\\Users\\alex\\bank.odt')).toEqual(['C:\\Users\\alex\\', 'bank.odt']);
    expect(atName('bank.odt')).toEqual(['', 'bank.odt']);
  });
});
