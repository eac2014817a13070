/**
 * Everything the UI may ask of the backend: one method per command of the border, and the stream of events.
 *
 * Truth: `src-tauri/crates/ipc/src/command.rs`. Every method may reject with a {@link CommandError}.
 */
import type { Account } from '../bindings/Account';
import type { AppState } from '../bindings/AppState';
import type { BackupRef } from '../bindings/BackupRef';
import type { BandwidthSettings } from '../bindings/BandwidthSettings';
import type { DestinationCheck } from '../bindings/DestinationCheck';
import type { DestinationSettings } from '../bindings/DestinationSettings';
import type { Drive } from '../bindings/Drive';
import type { EntryPage } from '../bindings/EntryPage';
import type { Event } from '../bindings/Event';
import type { JobCard } from '../bindings/JobCard';
import type { LeftPassphrase } from '../bindings/LeftPassphrase';
import type { OpenBackup } from '../bindings/OpenBackup';
import type { OpenedPlace } from '../bindings/OpenedPlace';
import type { PassphraseRating } from '../bindings/PassphraseRating';
import type { PendingSignIn } from '../bindings/PendingSignIn';
import type { Permission } from '../bindings/Permission';
import type { RecoverySheet } from '../bindings/RecoverySheet';
import type { RemoteFolder } from '../bindings/RemoteFolder';
import type { RestoreRequest } from '../bindings/RestoreRequest';
import type { RunReport } from '../bindings/RunReport';
import type { RunSummary } from '../bindings/RunSummary';
import type { SaveJob } from '../bindings/SaveJob';
import type { SheetOf } from '../bindings/SheetOf';
import type { SignInRequest } from '../bindings/SignInRequest';
import type { SignInSettings } from '../bindings/SignInSettings';
import type { SourceCheck } from '../bindings/SourceCheck';
import type { Theme } from '../bindings/Theme';

export interface Platform {
  appState(): Promise<AppState>;
  setTheme(theme: Theme): Promise<void>;
  setBandwidth(settings: BandwidthSettings): Promise<void>;

  createJob(request: SaveJob): Promise<JobCard>;
  updateJob(jobId: string, request: SaveJob): Promise<JobCard>;
  deleteJob(jobId: string, forgetSecrets: boolean): Promise<void>;
  startBackup(jobId: string): Promise<string>;
  /** Begins anew where the backup that was there is gone. */
  startBackupWith(jobId: string, permission: Permission): Promise<string>;
  stopRun(runId: string): Promise<void>;
  runHistory(jobId: string, offset: number, limit: number): Promise<RunSummary[]>;
  runReport(runId: string, offset: number, limit: number): Promise<RunReport>;

  setSignInSettings(settings: SignInSettings): Promise<void>;
  startSignIn(request: SignInRequest): Promise<PendingSignIn>;
  cancelSignIn(signInId: string): Promise<void>;
  addPastedAuthId(authId: string, again: string | null): Promise<Account>;
  removeAccount(accountId: string): Promise<void>;
  /** Here and below: an abort of `signal` ends what goes on for the answer, with the code `cancelled`. */
  listDrives(accountId: string, signal?: AbortSignal): Promise<Drive[]>;
  listFolders(
    accountId: string,
    driveId: string,
    path: string,
    signal?: AbortSignal,
  ): Promise<RemoteFolder[]>;
  suggestFolder(accountId: string, driveId: string): Promise<string>;
  checkDestination(
    destination: DestinationSettings,
    prefix: string,
    signal?: AbortSignal,
  ): Promise<DestinationCheck>;

  generatePassphrase(): Promise<string>;
  ratePassphrase(passphrase: string): Promise<PassphraseRating>;
  /** Resolves when it opens the backup there, or there is none; an empty one stands for the one that is known. */
  checkPassphrase(
    destination: DestinationSettings,
    prefix: string,
    passphrase: string,
  ): Promise<void>;
  /** Tries it first; the old one stays when it does not open the job's backup. */
  repairPassphrase(jobId: string, passphrase: string): Promise<JobCard>;
  leftPassphrases(): Promise<LeftPassphrase[]>;
  removeLeftPassphrase(id: string): Promise<void>;
  /** To be printed; it holds the passphrase. */
  recoverySheet(of: SheetOf): Promise<RecoverySheet>;
  saveRecoverySheet(of: SheetOf): Promise<string | null>;
  pickFolders(): Promise<string[]>;
  pickFolder(title: string): Promise<string | null>;
  checkSource(path: string): Promise<SourceCheck>;

  openBackup(backup: BackupRef, signal?: AbortSignal): Promise<OpenBackup>;
  /** Backups that were opened here and that no job has, the last first. */
  openedPlaces(): Promise<OpenedPlace[]>;
  forgetOpenedPlace(id: string): Promise<void>;
  listEntries(
    handle: string,
    version: number,
    folder: string,
    offset: number,
    limit: number,
  ): Promise<EntryPage>;
  searchEntries(
    handle: string,
    version: number,
    text: string,
    offset: number,
    limit: number,
  ): Promise<EntryPage>;
  startRestore(request: RestoreRequest): Promise<string>;
  /** Shows the folder of a restore that ended in the system's file manager. */
  openRestored(runId: string): Promise<void>;
  closeBackup(handle: string): Promise<void>;

  /** Calls `listener` with every event from now on; the reply ends that. */
  subscribe(listener: (event: Event) => void): Promise<() => void>;
}
