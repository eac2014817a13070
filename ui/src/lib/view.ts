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

/** Where a backup lies that a new job may go on with. */
export interface Start {
  destination: DestinationSettings;
  prefix: string;
  /** It is open, and closed by whoever shows it last: until then its passphrase is known. */
  handle: string;
}

/** The backup whose files are looked at: that of a job, or one that was opened by hand. */
export type RestoreSource =
  { kind: 'job'; jobId: string } | { kind: 'opened'; backup: OpenBackup; label: string; at: Start };

/** What the window shows. */
export type View =
  | { name: 'home'; jobId?: string }
  | { name: 'form'; jobId: string | null; step?: FormStep; start?: Start }
  | { name: 'restore' }
  | { name: 'restoreOpen'; place?: OpenedPlace }
  | { name: 'restoreFiles'; source: RestoreSource }
  | { name: 'restoreRun'; runId: string; jobId: string | null; request?: RestoreRequest }
  /** An empty `jobId`: restores from backups that no job here has. */
  | { name: 'history'; jobId: string; runId?: string }
  | { name: 'settings' };
