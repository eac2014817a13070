/** Texts about the state and progress of jobs and runs, in English. */
import type { CommandError } from '../bindings/CommandError';
import type { Operation } from '../bindings/Operation';
import type { Phase } from '../bindings/Phase';
import type { RunResult } from '../bindings/RunResult';
import type { WaitingFor } from '../bindings/WaitingFor';
import { bytes, count, moment, plural } from '../lib/format';

function keptFiles(files: number, whose = 'Its'): string {
  if (files === 0) return '';
  return files === 1
    ? `${whose} file is kept from the previous version.`
    : `${whose} ${count(files)} files are kept from the previous version.`;
}

/** States of jobs and runs. */
export const status = {
  never: 'Has not run yet',
  neverDetail: 'Start it now, or wait for its first scheduled run.',
  neverByHand: 'It has no schedule. Start it whenever you like.',
  postponed: 'Postponed',
  ready: 'Ready for the next run',
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
    lastGood === null ? 'No backup yet' : `No backup since ${moment(lastGood)}`,
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
    unchanged: 'Everything was already in place',
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
    `${plural(sources, 'source')} not found; files already backed up are kept`,
  missing: (name: string, emptied: boolean, kept: number) =>
    `${name} ${emptied ? 'is unexpectedly empty' : 'was not found'}. ${keptFiles(kept)}`.trim(),
  missingMany: (sources: number, kept: number) =>
    `${count(sources)} sources were not found. ${keptFiles(kept, 'Their')}`.trim(),
  restoreStopped: 'Files already restored stay where they are.',
  stopped: 'Uploaded data is kept; the next run resumes from there.',
  interrupted: 'Coffer or the computer shut down. The next run will resume from there.',
  when: (result: string, iso: string) => `${result} · ${moment(iso)}`,
};

/** Progress of a run. */
export const progress = {
  label: (name: string) => `Progress of ${name}`,
  phase: {
    connecting: 'Connecting',
    readingDestination: 'Reading the destination',
    sendingLeft: 'Sending leftover data',
    lookingForChanges: 'Looking for changes',
    sending: 'Sending',
    finishing: 'Finishing',
    deleting: 'Deleting old versions',
    compacting: 'Freeing space',
    checking: 'Checking',
    planning: 'Planning the restore',
    restoring: 'Restoring',
  } satisfies Record<Phase, string>,
  /** Which numbers to show for each phase; none for phases that are short or whose numbers mean little. */
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
