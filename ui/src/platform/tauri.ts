/** The platform inside the app: commands and events go through Tauri to the Rust side. */
import { listen } from '@tauri-apps/api/event';

import { CHANNEL, commands } from '../bindings/commands';
import type { Event } from '../bindings/Event';
import type { Platform } from './platform';

export const tauriPlatform: Platform = {
  ...commands,
  subscribe: (listener) => listen<Event>(CHANNEL, (event) => listener(event.payload)),
};
