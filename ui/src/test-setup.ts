import '@testing-library/jest-dom/vitest';

import { configure } from '@testing-library/svelte';
import { afterEach } from 'vitest';

// On a busy computer a page takes its time.
configure({ asyncUtilTimeout: 15_000 });

afterEach(() => localStorage.clear());
