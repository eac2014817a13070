import '@fontsource-variable/figtree';
import './styles/tokens.css';
import './styles/base.css';
import './styles/controls.css';

import { mount } from 'svelte';

import { App } from './lib/app.svelte';
import type { View } from './lib/view';
import type { Platform } from './platform/platform';
import Root from './views/Root.svelte';
import StartFailed from './views/StartFailed.svelte';

const target = document.getElementById('app')!;

try {
  const { platform, view } = await choosePlatform();
  const app = await App.start(platform);
  app.view = view;
  mount(Root, { target, props: { app } });
} catch (reason) {
  mount(StartFailed, { target, props: { reason } });
}

/** Uses the backend inside the app, and fixtures in a plain browser. */
async function choosePlatform(): Promise<{ platform: Platform; view: View }> {
  if ('__TAURI_INTERNALS__' in window) {
    const { tauriPlatform } = await import('./platform/tauri');
    return { platform: tauriPlatform, view: { name: 'home' } };
  }
  const { openScene } = await import('./platform/browser/scenes');
  const wanted = new URLSearchParams(location.search);
  return openScene(wanted.get('scene'), wanted.get('theme'));
}
