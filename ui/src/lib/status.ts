/** How jobs and runs stand, as a tone (colour and shape) and words. */
import type { JobCard } from '../bindings/JobCard';
import type { RunResult } from '../bindings/RunResult';
import type { RunSummary } from '../bindings/RunSummary';
import { t } from '../messages';

export type Tone = 'success' | 'running' | 'warning' | 'danger' | 'attention' | 'neutral';

export interface Status {
  tone: Tone;
  title: string;
  detail: string;
}

const resultTones: Record<RunResult, Tone> = {
  running: 'running',
  success: 'success',
  unchanged: 'success',
  warning: 'warning',
  error: 'danger',
  stopped: 'neutral',
  interrupted: 'warning',
};

export function runTone(run: RunSummary): Tone {
  return resultTones[run.result];
}

/** `Backed up`, or `Restored` for a restore. */
export function runTitle(run: RunSummary): string {
  return run.operation === 'restore'
    ? t.status.restoreResult[run.result]
    : t.status.result[run.result];
}

export function jobStatus(card: JobCard): Status {
  const { state, lastRun } = card;
  if (state.kind === 'running') {
    return { tone: 'running', title: t.status.running[state.progress.operation], detail: '' };
  }
  if (state.kind === 'needsAttention') {
    return { tone: 'attention', title: state.error.message, detail: state.error.hint };
  }
  if (!lastRun) {
    return { tone: 'neutral', title: t.status.never, detail: t.status.neverDetail };
  }
  return {
    tone: runTone(lastRun),
    title: t.status.when(runTitle(lastRun), lastRun.finished ?? lastRun.started),
    detail: lastRun.error ? t.status.failed(lastRun.error) : runDetail(lastRun),
  };
}

/** One sentence on what a run did, or why it did not. */
export function runDetail(run: RunSummary): string {
  const { counts, result } = run;
  if (run.error) return run.error.message;
  if (result === 'stopped') return t.status.stopped;
  if (result === 'interrupted') return t.status.interrupted;
  if (run.operation === 'restore') return t.restore.restored(counts.restoredFiles);
  if (result === 'unchanged') return t.status.nothingNew;

  const changed = t.status.changed(counts.addedFiles, counts.changedFiles, counts.deletedFiles);
  return counts.failedFiles > 0
    ? `${t.status.failedFiles(counts.failedFiles)} · ${changed}`
    : changed;
}
