/** Opens the whole user interface with the in-memory backend, for tests. */
import { render } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';

import type { AppState } from './bindings/AppState';
import { App } from './lib/app.svelte';
import type { View } from './lib/view';
import { BrowserPlatform } from './platform/browser';
import Root from './views/Root.svelte';

interface Setup {
  view?: View;
  state?: AppState;
}

export async function openApp({ view = { name: 'home' }, state }: Setup = {}) {
  const platform = new BrowserPlatform({ state, pace: 5 });
  const app = await App.start(platform);
  app.view = view;
  render(Root, { app });
  return { app, platform, user: userEvent.setup() };
}
