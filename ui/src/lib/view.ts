import type { OpenBackup } from '../bindings/OpenBackup';

export const formSteps = ['general', 'destination', 'sources', 'schedule', 'options'] as const;
export type FormStep = (typeof formSteps)[number];

/** The backup whose files are looked at: that of a job, or one that was opened by hand. */
export type RestoreSource =
  { kind: 'job'; jobId: string } | { kind: 'opened'; backup: OpenBackup; label: string };

/** What the window shows. */
export type View =
  | { name: 'home'; jobId?: string }
  | { name: 'form'; jobId: string | null; step?: FormStep }
  | { name: 'restore' }
  | { name: 'restoreOpen' }
  | { name: 'restoreFiles'; source: RestoreSource }
  | { name: 'restoreRun'; runId: string; jobId: string | null; handle?: string }
  | { name: 'history'; jobId: string; runId?: string }
  | { name: 'settings' };
