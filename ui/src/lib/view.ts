import type { DestinationSettings } from '../bindings/DestinationSettings';
import type { OpenBackup } from '../bindings/OpenBackup';
import type { OpenedPlace } from '../bindings/OpenedPlace';
import type { RestoreRequest } from '../bindings/RestoreRequest';

export const formSteps = [
  'general',
  'destination',
  'sources',
  'schedule',
  'options',
  'sheet',
] as const;
export type FormStep = (typeof formSteps)[number];

/** Pages of the shortest way to a first backup. */
export const quickPages = ['what', 'where', 'ready'] as const;
export type QuickPage = (typeof quickPages)[number];

/** The place of an existing backup that a new job may continue. */
export interface Start {
  destination: DestinationSettings;
  prefix: string;
  /** Handle of the opened backup. The last view that uses it closes it; until then, its passphrase is known. */
  handle: string;
}

/** The backup that is browsed: of a job, or opened by hand. */
export type RestoreSource =
  { kind: 'job'; jobId: string } | { kind: 'opened'; backup: OpenBackup; label: string; at: Start };

/** The current page of the window. */
export type View =
  | { name: 'home'; jobId?: string }
  /** A first backup on three pages. */
  | { name: 'quick'; page?: QuickPage }
  | { name: 'form'; jobId: string | null; step?: FormStep; start?: Start }
  | { name: 'restore' }
  | { name: 'restoreOpen'; place?: OpenedPlace }
  | { name: 'restoreFiles'; source: RestoreSource }
  | { name: 'restoreRun'; runId: string; jobId: string | null; request?: RestoreRequest }
  /** With an empty `jobId`, restores from backups that belong to no job. */
  | { name: 'history'; jobId: string; runId?: string }
  | { name: 'settings' };
