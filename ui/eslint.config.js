import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';

import svelteConfig from './svelte.config.js';

export default ts.config(
  { ignores: ['dist', 'src/bindings'] },
  js.configs.recommended,
  ...ts.configs.recommended,
  ...svelte.configs.recommended,
  { languageOptions: { globals: { ...globals.browser } } },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: {
      parserOptions: { parser: ts.parser, extraFileExtensions: ['.svelte'], svelteConfig },
    },
  },
  {
    // TypeScript itself reports unknown names.
    files: ['**/*.ts', '**/*.svelte'],
    rules: { 'no-undef': 'off' },
  },
  {
    // The Tauri API stays behind the platform interface, so that everything else runs in a browser.
    files: ['src/**'],
    ignores: ['src/platform/**'],
    rules: {
      'no-restricted-imports': ['error', { patterns: ['@tauri-apps/*'] }],
    },
  },
  {
    // Even there only the generated client calls commands.
    files: ['src/platform/**'],
    rules: {
      'no-restricted-imports': ['error', { patterns: [{ regex: '^@tauri-apps/(?!api/event$)' }] }],
    },
  },
  {
    files: ['src/**'],
    rules: {
      'no-restricted-syntax': ['error', 'ImportExpression[source.value=/^@tauri-apps/]'],
    },
  },
);
