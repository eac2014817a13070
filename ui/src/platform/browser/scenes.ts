/** Screens with fixture data: `?scene=home-running` opens the browser build on one. */
import type { AppState } from '../../bindings/AppState';
import type { CommandError } from '../../bindings/CommandError';
import type { JobCard } from '../../bindings/JobCard';
import type { OpenedPlace } from '../../bindings/OpenedPlace';
import { fieldsOf, type Fields } from '../../features/backups/fields';
import { storeDraft } from '../../features/backups/stored-draft';
import type { FormStep, QuickPage, View } from '../../lib/view';
import { BrowserPlatform } from '../browser';
import * as fixtures from './fixtures';
import { sceneNames, type SceneName } from './scene-names';

interface Scene {
  view: View;
  state?: () => AppState;
  places?: OpenedPlace[];
  prepare?: () => void;
}

const newForm = (step: FormStep): Scene => ({
  view: { name: 'form', jobId: null, step },
  prepare: () => storeDraft(null, draftFields(step)),
});

const quick = (page: QuickPage): Scene => ({
  view: { name: 'quick', page },
  prepare: () => storeDraft(null, draftFields('sheet')),
});

const scenes: Record<SceneName, Scene> = {
  'home-empty': {
    view: { name: 'home' },
    state: () => ({ ...fixtures.appState(), jobs: [], accounts: [] }),
  },
  home: { view: { name: 'home' } },
  'home-running': {
    view: { name: 'home' },
    state: withRunningJob,
  },
  'home-error': {
    view: { name: 'home' },
    state: withProblems,
  },
  'quick-what': {
    view: { name: 'quick' },
    state: () => ({ ...fixtures.appState(), jobs: [], accounts: [] }),
  },
  'quick-sign-in': {
    view: { name: 'quick', page: 'where' },
    state: () => ({ ...fixtures.appState(), jobs: [], accounts: [] }),
  },
  'quick-where': quick('where'),
  'quick-ready': quick('ready'),
  'form-general': newForm('general'),
  'form-destination': newForm('destination'),
  'form-sources': newForm('sources'),
  'form-schedule': newForm('schedule'),
  'form-options': newForm('options'),
  'form-sheet': newForm('sheet'),
  'form-edit': { view: { name: 'form', jobId: 'job-documents' } },
  restore: { view: { name: 'restore' }, places: fixtures.openedPlaces },
  'restore-open': { view: { name: 'restoreOpen' } },
  'restore-files': {
    view: { name: 'restoreFiles', source: { kind: 'job', jobId: 'job-documents' } },
  },
  'restore-done': {
    view: { name: 'restoreRun', runId: 'run-restore', jobId: 'job-documents' },
    state: withFinishedRestore,
  },
  history: { view: { name: 'history', jobId: 'job-music', runId: 'run-music-0' } },
  settings: { view: { name: 'settings' } },
};

export function openScene(
  name: string | null,
  theme: string | null = null,
): { platform: BrowserPlatform; view: View } {
  const scene = sceneNames.find((known) => known === name);
  const { view, state, places, prepare }: Scene = scene
    ? scenes[scene]
    : { view: { name: 'home' } };
  const platform = new BrowserPlatform({ state: state?.(), places });
  if (theme === 'light' || theme === 'dark') platform.state.theme = theme;
  prepare?.();
  return { platform, view };
}

function withRunningJob(): AppState {
  const state = fixtures.appState();
  state.jobs[0]!.state = {
    kind: 'running',
    runId: 'run-documents-1',
    progress: fixtures.progress(0.37),
  };
  state.jobs[0]!.health.level = 'running';
  return state;
}

function withProblems(): AppState {
  const state = fixtures.appState();
  const [documents, music, studio] = state.jobs;
  stop(documents!, {
    code: 'signInRequired',
    message: 'The sign-in for alex@outlook.example is no longer valid.',
    hint: 'Sign in again; the backup will resume automatically.',
  });
  music!.lastRun = fixtures.run('run-music-0', 5, 'error');
  music!.health = fixtures.healthAfter(music!.lastRun);
  stop(studio!, {
    code: 'wrongPassphrase',
    message: 'The passphrase in the keychain does not open this backup.',
    hint: 'Enter the passphrase from your recovery sheet.',
  });
  return {
    ...state,
    tray: 'unavailable',
    keychainProblem: {
      code: 'keychain',
      message: 'This desktop has no keychain that Coffer can use.',
      hint: 'Start GNOME Keyring, KWallet or another Secret Service. Backups resume automatically then.',
    },
  };
}

/** Makes a job wait for the user. */
function stop(card: JobCard, error: CommandError): void {
  card.state = { kind: 'needsAttention', error };
  card.health = { ...card.health, level: 'bad', problem: error };
}

function withFinishedRestore(): AppState {
  const state = fixtures.appState();
  state.jobs[0]!.lastRun = {
    ...fixtures.run('run-restore', 0.1, 'warning'),
    operation: 'restore',
    messages: fixtures.restoreFailures.length,
    restored: fixtures.restored(null),
    counts: {
      ...fixtures.noCounts,
      examinedFiles: 1204 + fixtures.restoreFailures.length,
      restoredFiles: 1204,
      restoredOthers: 96,
      failedFiles: fixtures.restoreFailures.length,
      downloadedBytes: 2.1e9,
    },
  };
  return state;
}

/** The draft of a new backup at `step`. */
function draftFields(step: FormStep): Fields {
  const { options, ...definition } = fixtures.documentsJob().definition;
  return fieldsOf(
    {
      ...definition,
      name: 'Backup of laptop',
      options: { ...options, retention: { kind: 'policy', policy: '1W:1D,4W:1W,12M:1M' } },
      destination: {
        kind: 'oneDrive',
        accountId: fixtures.studio.id,
        driveId: '',
        folder: step === 'destination' ? 'Backups/desktop-2019' : 'Backups/laptop-2',
      },
    },
    fixtures.appState().defaults,
  );
}
