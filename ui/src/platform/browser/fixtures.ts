/** A believable computer and its backups, for the browser build. All times are relative to now. */
import type { Account } from '../../bindings/Account';
import type { AppState } from '../../bindings/AppState';
import type { Drive } from '../../bindings/Drive';
import type { Health } from '../../bindings/Health';
import type { HealthLevel } from '../../bindings/HealthLevel';
import type { JobCard } from '../../bindings/JobCard';
import type { JobOptions } from '../../bindings/JobOptions';
import type { OpenedPlace } from '../../bindings/OpenedPlace';
import type { Overview } from '../../bindings/Overview';
import type { Progress } from '../../bindings/Progress';
import type { Restored } from '../../bindings/Restored';
import type { RunCounts } from '../../bindings/RunCounts';
import type { RunMessage } from '../../bindings/RunMessage';
import type { RunResult } from '../../bindings/RunResult';
import type { RunSummary } from '../../bindings/RunSummary';
import type { Version } from '../../bindings/Version';

const gigabyte = 1e9;
const mebibyte = 1024 ** 2;

export function hoursAgo(hours: number): string {
  return new Date(Date.now() - hours * 3_600_000).toISOString();
}

export const noCounts: RunCounts = {
  examinedFiles: 0,
  examinedBytes: 0,
  addedFiles: 0,
  changedFiles: 0,
  deletedFiles: 0,
  restoredFiles: 0,
  restoredOthers: 0,
  failedFiles: 0,
  missingSources: 0,
  uploadedBytes: 0,
  downloadedBytes: 0,
  uploadedVolumes: 0,
  deletedVersions: 0,
};

export const alex: Account = {
  id: 'account-alex',
  name: 'alex@outlook.example',
  drive: 'OneDrive (personal)',
  added: hoursAgo(24 * 90),
  demo: false,
  driveId: 'b!7Qx-personal',
  way: 'service',
  problem: null,
  expires: null,
};

export const studio: Account = {
  id: 'account-studio',
  name: 'alex@studio.example',
  drive: 'OneDrive (business)',
  added: hoursAgo(24 * 12),
  demo: false,
  driveId: 'b!2Rt-studio',
  way: 'browser',
  problem: null,
  expires: null,
};

export const drives: Drive[] = [
  {
    id: 'b!7Qx-personal',
    name: 'OneDrive',
    kind: 'personal',
    owner: 'Alex Winter',
    isDefault: true,
    quota: { totalBytes: 1100 * gigabyte, freeBytes: 642 * gigabyte },
  },
  {
    id: 'b!9Kd-studio-archive',
    name: 'Studio archive',
    kind: 'documentLibrary',
    owner: 'Winter Studio',
    isDefault: false,
    quota: { totalBytes: 5000 * gigabyte, freeBytes: 3120 * gigabyte },
  },
];

/** Folder paths on every drive. */
export const remoteFolders = [
  'Backups',
  'Backups/desktop-2019',
  'Backups/laptop',
  'Documents',
  'Documents/Letters',
  'Pictures',
  'Pictures/Camera roll',
];

export function versions(howMany: number): Version[] {
  return Array.from({ length: howMany }, (_, number) => ({
    number,
    time: hoursAgo(3 + number * 24 - (number % 5 === 1 ? 6 : 0)),
  }));
}

export function run(id: string, ago: number, result: RunResult, counts = {}): RunSummary {
  const operation = 'backup';
  const finished = new Date(Date.now() - ago * 3_600_000 + 212_000).toISOString();
  const examined = { examinedFiles: 48_213, examinedBytes: 182 * gigabyte };
  return {
    id,
    operation,
    started: hoursAgo(ago),
    finished,
    result,
    counts: { ...noCounts, ...examined, ...counts },
    messages: result === 'warning' ? 3 : result === 'error' ? 1 : 0,
    error:
      result === 'error'
        ? {
            code: 'failed',
            message: 'The folder could not be written.',
            hint: 'Check the drive and folder, and that this account has permission.',
          }
        : null,
    restored: null,
    heldBack: [],
    missing: [],
  };
}

/** The health of a job whose newest backup is `last`. */
export function healthAfter(lastBackup: RunSummary | null): Health {
  const levels = { success: 'good', unchanged: 'good', warning: 'warning' } as const;
  const result = lastBackup?.result ?? 'running';
  return {
    level: result in levels ? levels[result as keyof typeof levels] : lastBackup ? 'bad' : 'new',
    waitingFor: 'nothing',
    problem: lastBackup?.error ?? null,
    lastBackup,
    lastGood: result in levels && lastBackup ? lastBackup.started : null,
    overdue: false,
  };
}

export const messages: RunMessage[] = [
  {
    level: 'warning',
    subject: '/home/alex/Documents/Accounts/ledger.sqlite',
    text: 'Changed while being read; the next run reads it again',
  },
  {
    level: 'warning',
    subject: '/home/alex/.cache/thumbnails/large',
    text: 'Permission denied',
  },
  { level: 'info', subject: '', text: 'Uploads waited 40 s because OneDrive limited requests' },
];

export const openedPlaces: OpenedPlace[] = [
  {
    id: 'place-desktop',
    destination: {
      kind: 'oneDrive',
      accountId: alex.id,
      driveId: '',
      folder: 'Backups/desktop-2019',
    },
    prefix: '',
    label: 'OneDrive · alex@outlook.example · Backups/desktop-2019',
    opened: hoursAgo(30),
  },
  {
    id: 'place-disk',
    destination: { kind: 'folder', path: '/media/alex/Archive/backup' },
    prefix: '',
    label: 'Folder · /media/alex/Archive/backup',
    opened: hoursAgo(24 * 40),
  },
];

export const restoreFailures: RunMessage[] = [
  {
    level: 'error',
    subject: '/home/alex/Pictures/2024/IMG_2217.heic',
    text: 'Its volume duplicati-b3f1.dblock.zip.aes is damaged; no other copy of the block exists',
  },
  {
    level: 'error',
    subject: '/home/alex/Documents/Accounts/ledger.sqlite',
    text: 'The file is open in another program and could not be replaced',
  },
];

export function restored(target: string | null): Restored {
  const folder = target ?? '/home/alex/Documents';
  return {
    from: 'OneDrive · alex@outlook.example · Backups/laptop',
    folder,
    elsewhere: target !== null,
    files: [
      { path: `${folder}/Letters/landlord.2026-11-25.odt`, newName: true },
      { path: `${folder}/Letters/school.odt`, newName: false },
      { path: `${folder}/todo.md`, newName: false },
    ],
    failed: restoreFailures.map((line) => line.subject),
  };
}

const options: JobOptions = {
  volumeBytes: 50 * mebibyte,
  blockBytes: mebibyte,
  prefix: 'duplicati',
  retention: { kind: 'all' },
  alwaysRead: ['*.hc', '*.tc'],
};

export function documentsJob(): JobCard {
  const lastRun = run('run-documents-0', 3, 'success', {
    addedFiles: 42,
    changedFiles: 17,
    deletedFiles: 3,
  });
  return {
    id: 'job-documents',
    definition: {
      name: 'Documents and photos',
      encrypted: true,
      destination: {
        kind: 'oneDrive',
        accountId: alex.id,
        driveId: '',
        folder: 'Backups/laptop',
      },
      sources: ['/home/alex/Documents', '/home/alex/Pictures'],
      filters: [
        { include: false, expression: '*/node_modules/' },
        { include: false, expression: '*.tmp' },
      ],
      schedule: {
        firstRun: '2026-01-05T18:00',
        every: 1,
        unit: 'days',
        days: [],
      },
      options: { ...options, retention: { kind: 'versions', count: 30 } },
    },
    state: { kind: 'idle' },
    destinationLabel: 'OneDrive · alex@outlook.example · Backups/laptop',
    health: healthAfter(lastRun),
    lastRun,
    nextRun: hoursAgo(-21),
    versions: 30,
    storedBytes: 61.4 * gigabyte,
    quota: drives[0]!.quota,
  };
}

export function studioJob(): JobCard {
  const lastRun = run('run-studio-0', 27, 'unchanged');
  return {
    ...documentsJob(),
    id: 'job-studio',
    definition: {
      ...documentsJob().definition,
      name: 'Studio projects',
      destination: {
        kind: 'oneDrive',
        accountId: studio.id,
        driveId: drives[1]!.id,
        folder: 'Backups/studio',
      },
      sources: ['/home/alex/Projects'],
    },
    destinationLabel: 'OneDrive · alex@studio.example · Backups/studio',
    health: healthAfter(lastRun),
    lastRun,
    nextRun: hoursAgo(-5),
    versions: 112,
    storedBytes: 418 * gigabyte,
    quota: drives[1]!.quota,
  };
}

export function musicJob(): JobCard {
  const lastRun = run('run-music-0', 24 * 4, 'warning', { addedFiles: 118, failedFiles: 2 });
  return {
    ...documentsJob(),
    id: 'job-music',
    definition: {
      ...documentsJob().definition,
      name: 'Music',
      encrypted: false,
      destination: { kind: 'folder', path: '/media/alex/Archive/music' },
      sources: ['/home/alex/Music'],
      schedule: null,
    },
    destinationLabel: 'Folder · /media/alex/Archive/music',
    health: healthAfter(lastRun),
    lastRun,
    nextRun: null,
    versions: 9,
    storedBytes: 34.2 * gigabyte,
    quota: { totalBytes: 500 * gigabyte, freeBytes: 38 * gigabyte },
  };
}

export function progress(share: number, operation: Progress['operation'] = 'backup'): Progress {
  const totalFiles = 5_312;
  const totalBytes = 8.4 * gigabyte;
  const counted = share > 0.06;
  return {
    operation,
    phase: phaseAt(share, operation),
    doneFiles: Math.round(totalFiles * share),
    totalFiles: counted ? totalFiles : null,
    doneBytes: Math.round(totalBytes * share),
    totalBytes: counted ? totalBytes : null,
    share: counted ? Math.min(share, 0.99) : null,
    bytesPerSecond: 6_400_000,
    secondsLeft: share > 0.12 ? Math.round((1 - share) * 1180) : null,
    current: '/home/alex/Pictures/2025/Lofoten/IMG_4471.heic',
    wait: null,
  };
}

function phaseAt(share: number, operation: Progress['operation']): Progress['phase'] {
  if (operation === 'restore') return share < 0.06 ? 'planning' : 'restoring';
  if (share < 0.03) return 'connecting';
  if (share < 0.06) return 'lookingForChanges';
  return share < 0.95 ? 'sending' : 'checking';
}

/** What the backend says of all jobs together. */
export function overviewOf(jobs: JobCard[]): Overview {
  const levels: HealthLevel[] = ['bad', 'warning', 'running', 'waiting', 'new', 'good'];
  const at = (level: HealthLevel) => jobs.filter((card) => card.health.level === level);
  const level = levels.find((level) => at(level).length > 0) ?? null;
  return { level, jobs: level ? at(level).length : 0, line: '' };
}

export function appState(): AppState {
  const jobs = [documentsJob(), musicJob(), studioJob()];
  return {
    seq: 0,
    jobs,
    overview: overviewOf(jobs),
    accounts: [alex, studio],
    unreadable: [],
    demo: true,
    keychainProblem: null,
    databaseProblem: null,
    tray: 'shown',
    theme: 'system',
    version: '0.1.0',
    defaults: {
      name: 'Backup of laptop',
      sources: [
        '/home/alex/Documents',
        '/home/alex/Pictures',
        '/home/alex/Desktop',
        '/home/alex/Music',
      ],
      filters: [
        { include: false, expression: '{CacheFiles}' },
        { include: false, expression: '{TemporaryFiles}' },
      ],
      options,
    },
    signIn: { oauthUrl: '', clientId: '', tenant: '', allFiles: false },
    signsInDirectly: true,
    bandwidth: { uploadBytes: null, downloadBytes: null },
  };
}

/** Paths of all files of all versions; folders are the parts before a `/`. */
export const storedFiles: string[] = [
  '/home/alex/Documents/Accounts/2024.ods',
  '/home/alex/Documents/Accounts/2025.ods',
  '/home/alex/Documents/Accounts/ledger.sqlite',
  '/home/alex/Documents/Letters/landlord.odt',
  '/home/alex/Documents/Letters/school.odt',
  '/home/alex/Documents/Thesis/chapter-1.tex',
  '/home/alex/Documents/Thesis/chapter-2.tex',
  '/home/alex/Documents/Thesis/figures/overview.svg',
  '/home/alex/Documents/passport-scan.pdf',
  '/home/alex/Documents/todo.md',
  ...Array.from({ length: 640 }, (_, i) => `/home/alex/Pictures/2025/IMG_${String(4000 + i)}.heic`),
  ...Array.from({ length: 48 }, (_, i) => `/home/alex/Pictures/2024/IMG_${String(2200 + i)}.heic`),
];
