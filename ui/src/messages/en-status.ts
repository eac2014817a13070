/** Every text on how jobs and runs stand and how far they are, in English. */
import type { CommandError } from '../bindings/CommandError';
import type { Operation } from '../bindings/Operation';
import type { Phase } from '../bindings/Phase';
import type { RunResult } from '../bindings/RunResult';
import type { WaitingFor } from '../bindings/WaitingFor';
import { bytes, count, moment, plural } from '../lib/format';

function keptFiles(files: number, whose = 'Its'): string {
  if (files === 0) return '';
  return files === 1
    ? `${whose} file is kept as it was.`
    : `${whose} ${count(files)} files are kept as they were.`;
}

/** How jobs and runs stand. */
export const status = {
  never: 'Has not run yet',
  neverDetail: 'Start it now, or wait for its first scheduled run.',
  neverByHand: 'It has no schedule. Start it when you like.',
  putOff: 'Put off',
  mended: 'Ready for the next run',
  waitingFor: {
    signIn: 'Waiting for you to sign in',
    passphrase: 'Waiting for its passphrase',
    keychain: 'Waiting for the keychain',
    disk: 'Waiting for its disk',
    network: 'Waiting for the internet',
    service: 'Waiting for OneDrive',
    turn: 'Waiting for its turn',
  } satisfies Record<Exclude<WaitingFor, 'nothing' | 'quota'>, string>,
  overdue: (lastGood: string | null) =>
    lastGood === null ? 'No backup was made yet' : `No backup since ${moment(lastGood)}`,
  lastGood: (iso: string) => `Backed up ${moment(iso)}.`,
  running: {
    backup: 'Backing up',
    restore: 'Restoring',
    delete: 'Deleting old versions',
    compact: 'Freeing space',
    verify: 'Checking',
    repair: 'Repairing',
  } satisfies Record<Operation, string>,
  result: {
    running: 'Running',
    success: 'Backed up',
    unchanged: 'Up to date',
    warning: 'Backed up with warnings',
    error: 'Failed',
    stopped: 'Stopped',
    interrupted: 'Interrupted',
  } satisfies Record<RunResult, string>,
  restoreResult: {
    running: 'Restoring',
    success: 'Restored',
    unchanged: 'Everything was in place already',
    warning: 'Restored with warnings',
    error: 'Restore failed',
    stopped: 'Restore stopped',
    interrupted: 'Restore interrupted',
  } satisfies Record<RunResult, string>,
  changed: (added: number, changed: number, deleted: number) =>
    `${count(added)} new, ${count(changed)} changed, ${count(deleted)} deleted`,
  nothingNew: 'Nothing had changed.',
  failed: ({ message, hint }: CommandError) => `${message} ${hint}`,
  failedFiles: (files: number) => `${plural(files, 'file')} could not be read`,
  missingSources: (sources: number) =>
    `${plural(sources, 'source')} not found; what was backed up of it is kept`,
  missing: (name: string, emptied: boolean, kept: number) =>
    `${name} ${emptied ? 'is suddenly empty' : 'was not found'}. ${keptFiles(kept)}`.trim(),
  missingMany: (sources: number, kept: number) =>
    `${count(sources)} sources were not found. ${keptFiles(kept, 'Their')}`.trim(),
  restoreStopped: 'What was restored stays where it is.',
  stopped: 'What was sent is kept. The next run goes on from there.',
  interrupted: 'Coffer or the computer went down. The next run goes on from there.',
  when: (result: string, iso: string) => `${result} · ${moment(iso)}`,
};

/** How far a run is. */
export const progress = {
  label: (name: string) => `Progress of ${name}`,
  phase: {
    connecting: 'Connecting',
    readingDestination: 'Reading the destination',
    sendingLeft: 'Sending what was left',
    lookingForChanges: 'Looking for changes',
    sending: 'Sending',
    finishing: 'Finishing',
    deleting: 'Deleting old versions',
    compacting: 'Freeing space',
    checking: 'Checking',
    planning: 'Finding what is needed',
    restoring: 'Restoring',
  } satisfies Record<Phase, string>,
  /** What is said besides of each phase; of those that are short, or whose numbers say nothing, none. */
  numbers: {
    connecting: null,
    readingDestination: null,
    sendingLeft: 'bytes',
    lookingForChanges: 'files',
    sending: 'bytes',
    finishing: null,
    deleting: null,
    compacting: null,
    checking: null,
    planning: null,
    restoring: 'bytes',
  } satisfies Record<Phase, 'bytes' | 'files' | null>,
  files: (done: number, total: number | null) =>
    total === null ? plural(done, 'file') : `${count(done)} of ${plural(total, 'file')}`,
  bytes: (done: number, total: number | null) =>
    total === null ? bytes(done) : `${bytes(done)} of ${bytes(total)}`,
  speed: (perSecond: number) => `${bytes(perSecond)}/s`,
  left: (time: string) => `${time} left`,
  wait: (why: string, left: string | null) => (left === null ? why : `${why}: ${left}`),
  announce: (name: string, phase: string, percent: number | null) =>
    percent === null ? `${name}: ${phase}` : `${name}: ${phase}, ${percent} percent`,
};
