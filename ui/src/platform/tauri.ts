/** The platform inside the app: commands and events go through Tauri to the Rust side. */
import { invoke } from '@tauri-apps/api/core';
import { listen } from '@tauri-apps/api/event';

import type { Event } from '../bindings/Event';
import type { Platform } from './platform';

/** `CHANNEL` of the border. */
const channel = 'coffer';

export const tauriPlatform: Platform = {
  appState: () => invoke('app_state'),
  setTheme: (theme) => invoke('set_theme', { theme }),
  setBandwidth: (settings) => invoke('set_bandwidth', { settings }),

  createJob: (request) => invoke('create_job', { request }),
  updateJob: (jobId, request) => invoke('update_job', { jobId, request }),
  deleteJob: (jobId, forgetSecrets) => invoke('delete_job', { jobId, forgetSecrets }),
  startBackup: (jobId) => invoke('start_backup', { jobId }),
  startBackupWith: (jobId, permission) => invoke('start_backup_with', { jobId, permission }),
  stopRun: (runId) => invoke('stop_run', { runId }),
  runHistory: (jobId, offset, limit) => invoke('run_history', { jobId, offset, limit }),
  runReport: (runId, offset, limit) => invoke('run_report', { runId, offset, limit }),

  setSignInSettings: (settings) => invoke('set_sign_in_settings', { settings }),
  startSignIn: (request) => invoke('start_sign_in', { request }),
  cancelSignIn: (signInId) => invoke('cancel_sign_in', { signInId }),
  addPastedAuthId: (authId, again) => invoke('add_pasted_auth_id', { authId, again }),
  removeAccount: (accountId) => invoke('remove_account', { accountId }),
  listDrives: (accountId, signal) => ask('list_drives', { accountId }, signal),
  listFolders: (accountId, driveId, path, signal) =>
    ask('list_folders', { accountId, driveId, path }, signal),
  suggestFolder: (accountId, driveId) => invoke('suggest_folder', { accountId, driveId }),
  checkDestination: (destination, prefix, signal) =>
    ask('check_destination', { destination, prefix }, signal),

  generatePassphrase: () => invoke('generate_passphrase'),
  ratePassphrase: (passphrase) => invoke('rate_passphrase', { passphrase }),
  checkPassphrase: (destination, prefix, passphrase) =>
    invoke('check_passphrase', { destination, prefix, passphrase }),
  repairPassphrase: (jobId, passphrase) => invoke('repair_passphrase', { jobId, passphrase }),
  leftPassphrases: () => invoke('left_passphrases'),
  removeLeftPassphrase: (id) => invoke('remove_left_passphrase', { id }),
  recoverySheet: (of) => invoke('recovery_sheet', { of }),
  saveRecoverySheet: (of) => invoke('save_recovery_sheet', { of }),
  pickFolders: () => invoke('pick_folders'),
  pickFolder: (title) => invoke('pick_folder', { title }),
  checkSource: (path) => invoke('check_source', { path }),

  openBackup: (backup, signal) => ask('open_backup', { backup }, signal),
  openedPlaces: () => invoke('opened_places'),
  forgetOpenedPlace: (id) => invoke('forget_opened_place', { id }),
  listEntries: (handle, version, folder, offset, limit) =>
    invoke('list_entries', { handle, version, folder, offset, limit }),
  searchEntries: (handle, version, text, offset, limit) =>
    invoke('search_entries', { handle, version, text, offset, limit }),
  startRestore: (request) => invoke('start_restore', { request }),
  openRestored: (runId) => invoke('open_restored', { runId }),
  closeBackup: (handle) => invoke('close_backup', { handle }),

  subscribe: (listener) => listen<Event>(channel, (event) => listener(event.payload)),
};

/** Calls a command that may take long, and gives it up on an abort. */
async function ask<T>(
  command: string,
  given: Record<string, unknown>,
  signal?: AbortSignal,
): Promise<T> {
  if (!signal) return invoke(command, given);
  const question = crypto.randomUUID();
  const giveUp = () => void invoke('give_up', { question });
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    return await invoke(command, { ...given, question });
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}
