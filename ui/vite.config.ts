import { svelte } from '@sveltejs/vite-plugin-svelte';
import { svelteTesting } from '@testing-library/svelte/vite';
import { defineConfig } from 'vitest/config';

// The oldest renderers the app meets: WebKitGTK with WebKit 17.5, and current WebView2. Naming them keeps
// `light-dark()` and nesting as they are written instead of lowered to something heavier.
const engines = ['safari17.5', 'chrome123'];

export default defineConfig({
  base: './',
  plugins: [svelte(), svelteTesting()],
  server: { port: 5173, strictPort: true },
  build: {
    target: engines,
    cssTarget: engines,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.ts'],
    setupFiles: ['src/test-setup.ts'],
    testTimeout: 30_000,
  },
});
