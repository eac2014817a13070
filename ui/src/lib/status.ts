/** States of jobs and runs, as a tone (color and shape) and a text. The backend's `Health` decides the state. */
import type { AppState } from '../bindings/AppState';
import type { ErrorCode } from '../bindings/ErrorCode';
import type { Health } from '../bindings/Health';
import type { HealthLevel } from '../bindings/HealthLevel';
import type { JobCard } from '../bindings/JobCard';
import type { RunResult } from '../bindings/RunResult';
import type { RunSummary } from '../bindings/RunSummary';
import { t } from '../messages';
import { atName } from './progress.svelte';

export type Tone = 'success' | 'running' | 'warning' | 'danger' | 'attention' | 'neutral';

export interface Status {
  tone: Tone;
  title: string;
  detail: string;
}

const levelTones: Record<HealthLevel, Tone> = {
  good: 'success',
  new: 'neutral',
  waiting: 'neutral',
  running: 'running',
  warning: 'warning',
  bad: 'danger',
};

const resultTones: Record<RunResult, Tone> = {
  running: 'running',
  success: 'success',
  unchanged: 'success',
  warning: 'warning',
  error: 'danger',
  stopped: 'neutral',
  interrupted: 'warning',
};

/** Errors after which a backup resumes automatically. */
const transient: ErrorCode[] = ['keychain', 'diskAway', 'offline', 'throttled', 'busy'];

function hadToWait(run: RunSummary): boolean {
  return run.operation === 'backup' && run.error !== null && transient.includes(run.error.code);
}

export function runTone(run: RunSummary): Tone {
  return hadToWait(run) ? 'neutral' : resultTones[run.result];
}

/** `Backed up`, or `Restored` for a restore. */
export function runTitle(run: RunSummary): string {
  if (hadToWait(run)) return t.status.postponed;
  return run.operation === 'restore'
    ? t.status.restoreResult[run.result]
    : t.status.result[run.result];
}

export function jobStatus(card: JobCard): Status {
  const { state, health } = card;
  if (state.kind === 'running') {
    return { tone: 'running', title: t.status.running[state.progress.operation], detail: '' };
  }
  if (state.kind === 'needsAttention') {
    return { tone: 'attention', title: state.error.message, detail: state.error.hint };
  }
  return {
    tone: levelTones[health.level],
    title: restingTitle(health),
    detail: restingDetail(card),
  };
}

function restingTitle({ level, overdue, lastGood, waitingFor, lastBackup }: Health): string {
  if (overdue) return t.status.overdue(lastGood);
  if (waitingFor !== 'nothing' && waitingFor !== 'quota') return t.status.waitingFor[waitingFor];
  if (level === 'waiting') return t.status.ready;
  return lastBackup ? t.status.when(runTitle(lastBackup), lastBackup.started) : t.status.never;
}

function restingDetail({ definition, health }: JobCard): string {
  const { problem, lastBackup, lastGood, level } = health;
  if (problem) {
    const last = level === 'waiting' && lastGood ? [t.status.lastGood(lastGood)] : [];
    return [...last, t.status.failed(problem)].join(' ');
  }
  if (level === 'waiting') return lastGood ? t.status.lastGood(lastGood) : '';
  if (lastBackup) return runDetail(lastBackup);
  return definition.schedule ? t.status.neverDetail : t.status.neverByHand;
}

/** One sentence about what a run did, or why it failed. */
export function runDetail(run: RunSummary): string {
  const { counts, result } = run;
  const restore = run.operation === 'restore';
  if (run.error) return run.error.message;
  if (result === 'stopped') return restore ? t.status.restoreStopped : t.status.stopped;
  if (result === 'interrupted') return restore ? t.status.restoreStopped : t.status.interrupted;
  if (restore) return t.restore.restored(counts.restoredFiles);
  if (result === 'unchanged') return t.status.nothingNew;

  return [
    ...missing(run),
    ...(counts.failedFiles > 0 ? [t.status.failedFiles(counts.failedFiles)] : []),
    t.status.changed(counts.addedFiles, counts.changedFiles, counts.deletedFiles),
  ].join(' · ');
}

/** The name of the missing source, or the number of missing ones. */
function missing({ missing, counts }: RunSummary): string[] {
  const [first, ...more] = missing;
  if (!first)
    return counts.missingSources > 0 ? [t.status.missingSources(counts.missingSources)] : [];
  if (more.length === 0) {
    const name = atName(first.path)[1].replace(/[/\\]+$/, '') || first.path;
    return [t.status.missing(name, first.isEmptied, first.keptFiles)];
  }
  const kept = missing.reduce((files, source) => files + source.keptFiles, 0);
  return [t.status.missingMany(missing.length, kept)];
}

/** One sentence for all jobs, as the backend summarizes them. */
export function headline({ overview, jobs }: AppState): string {
  const level = overview.level ?? 'good';
  if (level === 'new' && overview.jobs === jobs.length) return t.home.level.firstOfAll;
  return t.home.level[level](overview.jobs);
}
