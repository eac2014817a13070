/**
 * The platform in a plain browser: a small in-memory backend, so that everything can be developed, tested and
 * viewed without the app. Runs take `pace` milliseconds per step; nothing outlives the page.
 */
import type { Account } from '../bindings/Account';
import type { AppState } from '../bindings/AppState';
import type { BandwidthSettings } from '../bindings/BandwidthSettings';
import type { Change } from '../bindings/Change';
import type { CommandError } from '../bindings/CommandError';
import type { DestinationCheck } from '../bindings/DestinationCheck';
import type { DestinationSettings } from '../bindings/DestinationSettings';
import type { Event } from '../bindings/Event';
import type { JobCard } from '../bindings/JobCard';
import type { LeftPassphrase } from '../bindings/LeftPassphrase';
import type { OpenBackup } from '../bindings/OpenBackup';
import type { OpenedPlace } from '../bindings/OpenedPlace';
import type { PassphraseRating } from '../bindings/PassphraseRating';
import type { PendingSignIn } from '../bindings/PendingSignIn';
import type { RecoverySheet } from '../bindings/RecoverySheet';
import type { RestoreRequest } from '../bindings/RestoreRequest';
import type { RunMessage } from '../bindings/RunMessage';
import type { RunReport } from '../bindings/RunReport';
import type { RunSummary } from '../bindings/RunSummary';
import type { SaveJob } from '../bindings/SaveJob';
import type { SheetOf } from '../bindings/SheetOf';
import type { SignInRequest } from '../bindings/SignInRequest';
import type { SignInSettings } from '../bindings/SignInSettings';
import type { Theme } from '../bindings/Theme';
import * as fixtures from './browser/fixtures';
import { isSamePlace, leftBy, refusal, sheetOf, wrongPassphrase } from './browser/passphrases';
import { listFolder, search } from './browser/tree';
import type { Platform } from './platform';

interface Options {
  state?: AppState;
  /** Milliseconds between two steps of a run, and half of what a sign-in takes. */
  pace?: number;
  /** Backups that were opened earlier. */
  places?: OpenedPlace[];
}

const pages = {
  service: 'https://duplicati-oauth-handler.appspot.com/?type=onedrivev2&token=3f9c1b7e55d04a6c',
  browser: 'https://login.microsoftonline.com/common/oauth2/v2.0/authorize?client_id=01234567',
  code: 'https://microsoft.com/devicelogin',
};

interface Run {
  jobId: string | null;
  share: number;
  summary: RunSummary;
  /** Folder that a restore writes to, if not the original locations. */
  target: string | null;
  timer: ReturnType<typeof setInterval>;
}

export class BrowserPlatform implements Platform {
  readonly state: AppState;
  readonly #pace: number;
  readonly #listeners = new Set<(event: Event) => void>();
  readonly #runs = new Map<string, Run>();
  readonly #history = new Map<string, RunSummary[]>();
  readonly #reports = new Map<string, { summary: RunSummary; lines: RunMessage[] }>();
  readonly #backups = new Map<string, string | null>();
  readonly #signIns = new Map<string, ReturnType<typeof setTimeout>>();
  /** Open backups that belong to no job, by their handle. */
  readonly #opened = new Map<string, { destination: DestinationSettings }>();
  #left: LeftPassphrase[] = [];
  #places: OpenedPlace[];
  #ids = 0;

  constructor({ state = fixtures.appState(), pace = 400, places = [] }: Options = {}) {
    this.state = state;
    this.#places = places;
    this.#pace = pace;
    state.jobs.forEach((card) => this.#history.set(card.id, inventedHistory(card)));
  }

  async appState(): Promise<AppState> {
    this.state.overview = fixtures.overviewOf(this.state.jobs);
    return structuredClone(this.state);
  }

  async setTheme(theme: Theme): Promise<void> {
    this.state.theme = theme;
  }

  async setBandwidth(settings: BandwidthSettings): Promise<void> {
    this.state.bandwidth = settings;
  }

  async createJob(request: SaveJob): Promise<JobCard> {
    const card: JobCard = {
      id: this.#newId('job'),
      definition: request.definition,
      state: { kind: 'idle' },
      health: fixtures.healthAfter(null),
      destinationLabel: this.#label(request.definition.destination),
      lastRun: null,
      nextRun: request.definition.schedule && fixtures.hoursAgo(-6),
      versions: null,
      storedBytes: null,
      quota: null,
    };
    this.#history.set(card.id, []);
    this.state.jobs.push(card);
    this.#emitJob(card);
    return structuredClone(card);
  }

  async updateJob(jobId: string, request: SaveJob): Promise<JobCard> {
    const card = this.#job(jobId);
    card.definition = request.definition;
    card.destinationLabel = this.#label(request.definition.destination);
    card.state = { kind: 'idle' };
    this.#emitJob(card);
    return structuredClone(card);
  }

  async deleteJob(jobId: string, forgetSecrets: boolean): Promise<void> {
    const { definition, destinationLabel } = this.#job(jobId);
    if (definition.encrypted && !forgetSecrets) {
      this.#left = [leftBy(jobId, definition, destinationLabel), ...this.#left];
    }
    this.state.jobs = this.state.jobs.filter((card) => card.id !== jobId);
    this.#emit({ kind: 'jobRemoved', jobId });
    this.#emitOverview();
  }

  async startBackup(jobId: string): Promise<string> {
    const card = this.#job(jobId);
    if (card.state.kind === 'running') {
      throw failure('busy', 'This backup is already running.', 'Wait until it has finished.');
    }
    return this.#startRun('backup', card);
  }

  async startBackupWith(jobId: string): Promise<string> {
    return this.startBackup(jobId);
  }

  async stopRun(runId: string): Promise<void> {
    const run = this.#runs.get(runId);
    if (run) this.#endRun(run, 'stopped');
  }

  async runHistory(jobId: string, offset: number, limit: number): Promise<RunSummary[]> {
    return structuredClone((this.#history.get(jobId) ?? []).slice(offset, offset + limit));
  }

  async runReport(runId: string, offset: number, limit: number): Promise<RunReport> {
    const report = this.#reports.get(runId) ?? this.#inventedReport(runId);
    return structuredClone({
      summary: report.summary,
      lines: report.lines.slice(offset, offset + limit),
    });
  }

  async setSignInSettings(settings: SignInSettings): Promise<void> {
    if (settings.clientId !== '' && !/^[\w-]+$/.test(settings.clientId)) {
      throw failure('invalidInput', 'This is not a client ID.', 'Copy it from the registration.');
    }
    this.state.signIn = settings;
  }

  async startSignIn({ way, again }: SignInRequest): Promise<PendingSignIn> {
    const id = this.#newId('signin');
    this.#signIns.set(
      id,
      setTimeout(() => this.#finishSignIn(id, again), this.#pace * 8),
    );
    return {
      id,
      url: pages[way],
      userCode: way === 'code' ? 'K7QM2XWPD' : null,
      browserOpened: way !== 'code',
      expiresIn: 300,
    };
  }

  async cancelSignIn(signInId: string): Promise<void> {
    clearTimeout(this.#signIns.get(signInId));
    this.#signIns.delete(signInId);
  }

  async addPastedAuthId(authId: string): Promise<Account> {
    if (!/^[\w-]+:[\w-]{8,}$/.test(authId.trim())) {
      throw failure(
        'invalidInput',
        'This is not an AuthID.',
        'Copy the whole value from the sign-in page; it contains a colon.',
      );
    }
    return this.#addAccount('pasted@outlook.example');
  }

  async removeAccount(accountId: string): Promise<void> {
    const user = this.state.jobs.find(
      ({ definition: { destination } }) =>
        destination.kind === 'oneDrive' && destination.accountId === accountId,
    );
    if (user) {
      throw failure(
        'busy',
        `“${user.definition.name}” still uses this account.`,
        'Choose another account for that backup, or delete it, then try again.',
      );
    }
    this.state.accounts = this.state.accounts.filter((account) => account.id !== accountId);
    this.#emit({ kind: 'accounts', accounts: this.state.accounts });
  }

  async listDrives(accountId: string) {
    return accountId === fixtures.studio.id ? fixtures.drives : fixtures.drives.slice(0, 1);
  }

  async listFolders(_accountId: string, _driveId: string, path: string) {
    const depth = path === '' ? 1 : path.split('/').length + 1;
    return fixtures.remoteFolders
      .filter((folder) => folder.split('/').length === depth)
      .filter((folder) => path === '' || folder.startsWith(`${path}/`))
      .map((folder) => ({ name: folder.slice(folder.lastIndexOf('/') + 1), path: folder }));
  }

  async suggestFolder(): Promise<string> {
    return 'Backups/laptop-2';
  }

  async checkDestination(destination: DestinationSettings): Promise<DestinationCheck> {
    const place = destination.kind === 'oneDrive' ? destination.folder : destination.path;
    const usedBy = this.state.jobs.find((card) => samePlace(card.definition.destination, place));
    return {
      content: contentOf(place),
      label: this.#label(destination),
      quota: fixtures.drives[0]!.quota,
      usedBy: usedBy?.definition.name ?? null,
      passphraseKept: [...this.#left, ...this.#opened.values()].some((known) =>
        isSamePlace(known.destination, destination),
      ),
    };
  }

  async generatePassphrase(): Promise<string> {
    return 'harbor-velvet-otter-quilt-lantern-92';
  }

  async ratePassphrase(passphrase: string): Promise<PassphraseRating> {
    const score = Math.min(4, Math.floor(passphrase.length / 5));
    const label = ['No protection', 'Weak', 'Fair', 'Good', 'Strong'][score]!;
    return { score, label, advice: score < 3 ? 'Add a few unrelated words.' : '' };
  }

  async checkPassphrase(
    _destination: DestinationSettings,
    _prefix: string,
    passphrase: string,
  ): Promise<void> {
    if (passphrase === wrongPassphrase) throw refusal;
  }

  async repairPassphrase(jobId: string, passphrase: string): Promise<JobCard> {
    const card = this.#job(jobId);
    if (passphrase === wrongPassphrase) throw refusal;
    card.state = { kind: 'idle' };
    this.#emitJob(card);
    return structuredClone(card);
  }

  async leftPassphrases(): Promise<LeftPassphrase[]> {
    return structuredClone(this.#left);
  }

  async removeLeftPassphrase(id: string): Promise<void> {
    this.#left = this.#left.filter((left) => left.id !== id);
  }

  async recoverySheet(of: SheetOf): Promise<RecoverySheet> {
    const definition = of.kind === 'job' ? this.#job(of.jobId).definition : of.request.definition;
    const passphrase = of.kind === 'job' ? 'harbor velvet otter' : (of.request.passphrase ?? '');
    const { destination } = definition;
    const account =
      destination.kind === 'oneDrive'
        ? this.state.accounts.find(({ id }) => id === destination.accountId)
        : undefined;
    return sheetOf(definition, passphrase, account?.name ?? '');
  }

  async saveRecoverySheet(of: SheetOf): Promise<string | null> {
    const { lines } = await this.recoverySheet(of);
    return `/home/alex/Coffer recovery sheet - ${lines[0]!.value}.txt`;
  }

  async openRestored(runId: string): Promise<void> {
    if (!this.#reports.has(runId)) {
      throw failure('notFound', 'This restore no longer exists.', 'Refresh the list.');
    }
  }

  async pickFolders(): Promise<string[]> {
    return ['/home/alex/Projects'];
  }

  async pickFolder(): Promise<string | null> {
    return '/home/alex/Restored';
  }

  async checkSource(path: string) {
    const problem = /^(\/|[A-Za-z]:\\)/.test(path) ? null : 'This is not an absolute path';
    return { path, problem };
  }

  async measureSource(path: string) {
    const files = 40 + ((path.length * 977) % 4000);
    return { files, bytes: files * 61_803, unreadable: 0 };
  }

  async openBackup(backup: Parameters<Platform['openBackup']>[0]): Promise<OpenBackup> {
    if (backup.kind === 'existing' && backup.passphrase === wrongPassphrase) throw refusal;
    const handle = this.#newId('backup');
    this.#backups.set(handle, backup.kind === 'job' ? backup.jobId : null);
    if (backup.kind === 'existing') {
      this.#opened.set(handle, backup);
      this.#remember(backup.destination, backup.prefix);
    }
    const newFolder = backup.kind === 'job' ? null : '/home/alex/Downloads/Restored 2026-11-26';
    return { handle, versions: fixtures.versions(30), newFolder };
  }

  async openedPlaces(): Promise<OpenedPlace[]> {
    return structuredClone(this.#places);
  }

  async forgetOpenedPlace(id: string): Promise<void> {
    this.#places = this.#places.filter((place) => place.id !== id);
  }

  #remember(destination: DestinationSettings, prefix: string): void {
    const label = this.#label(destination);
    const others = this.#places.filter((place) => place.label !== label);
    const opened = new Date().toISOString();
    this.#places = [{ id: this.#newId('place'), destination, prefix, label, opened }, ...others];
  }

  async listEntries(
    _handle: string,
    _version: number,
    folder: string,
    offset: number,
    limit: number,
  ) {
    return listFolder(folder, offset, limit);
  }

  async searchEntries(
    _handle: string,
    _version: number,
    text: string,
    offset: number,
    limit: number,
  ) {
    return search(text, offset, limit);
  }

  async startRestore(request: RestoreRequest): Promise<string> {
    const jobId = this.#backups.get(request.handle) ?? null;
    const id = this.#startRun('restore', jobId === null ? null : this.#job(jobId));
    this.#runs.get(id)!.target = request.target;
    return id;
  }

  async closeBackup(handle: string): Promise<void> {
    this.#backups.delete(handle);
    this.#opened.delete(handle);
  }

  async subscribe(listener: (event: Event) => void): Promise<() => void> {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #startRun(operation: 'backup' | 'restore', card: JobCard | null): string {
    const id = this.#newId('run');
    const summary: RunSummary = {
      id,
      operation,
      started: new Date().toISOString(),
      finished: null,
      result: 'running',
      counts: fixtures.noCounts,
      messages: 0,
      error: null,
      restored: null,
      heldBack: [],
      missing: [],
    };
    const run: Run = {
      jobId: card?.id ?? null,
      share: 0,
      summary,
      target: null,
      timer: setInterval(() => this.#step(run), this.#pace),
    };
    this.#runs.set(id, run);
    this.#showRun(run);
    return id;
  }

  #step(run: Run): void {
    run.share += 0.025;
    if (run.share >= 1) {
      this.#endRun(run, run.summary.operation === 'restore' ? 'warning' : 'success');
    } else {
      this.#showRun(run);
    }
  }

  #showRun(run: Run): void {
    const progress = fixtures.progress(run.share, run.summary.operation);
    if (run.jobId === null) {
      this.#emit({ kind: 'restore', runId: run.summary.id, progress, summary: null });
      return;
    }
    const card = this.#job(run.jobId);
    const before = card.state;
    card.state = { kind: 'running', runId: run.summary.id, progress };
    if (before.kind === 'running' && before.progress.phase === progress.phase) {
      this.#emit({ kind: 'progress', jobId: card.id, runId: run.summary.id, progress });
      return;
    }
    if (run.summary.operation === 'backup') card.health.level = 'running';
    card.lastRun = run.summary;
    this.#emitJob(card);
  }

  #endRun(run: Run, result: 'success' | 'warning' | 'stopped'): void {
    clearInterval(run.timer);
    const { id, operation } = run.summary;
    this.#runs.delete(id);
    const restored = operation === 'restore';
    const lines = restored && result === 'warning' ? fixtures.restoreFailures : [];
    const summary: RunSummary = {
      ...run.summary,
      result,
      finished: new Date().toISOString(),
      messages: lines.length,
      restored: restored ? fixtures.restored(run.target) : null,
      counts: restored
        ? {
            ...fixtures.noCounts,
            examinedFiles: 139,
            restoredFiles: 137,
            restoredOthers: 12,
            failedFiles: lines.length,
            downloadedBytes: 2.1e9,
          }
        : { ...fixtures.noCounts, examinedFiles: 48_231, addedFiles: 18, uploadedBytes: 4.2e8 },
    };
    this.#reports.set(id, { summary, lines });

    if (run.jobId === null) {
      this.#history.set('', [summary, ...(this.#history.get('') ?? [])]);
      this.#emit({ kind: 'restore', runId: id, progress: null, summary });
      return;
    }
    const card = this.#job(run.jobId);
    card.state = { kind: 'idle' };
    card.lastRun = summary;
    if (operation === 'backup') {
      const ended = result === 'stopped' ? card.health.lastBackup : summary;
      card.health = fixtures.healthAfter(ended);
    }
    this.#history.get(card.id)?.unshift(summary);
    this.#emitJob(card);
  }

  #finishSignIn(signInId: string, again: string | null): void {
    const account = again
      ? this.#renewAccount(again)
      : this.#addAccount('alex.winter@outlook.example');
    this.#emit({ kind: 'signIn', signInId, outcome: { kind: 'done', account } });
  }

  #renewAccount(accountId: string): Account {
    const account = this.state.accounts.find(({ id }) => id === accountId)!;
    account.problem = null;
    this.#emit({ kind: 'accounts', accounts: this.state.accounts });
    for (const card of this.state.jobs) {
      const { destination } = card.definition;
      if (destination.kind !== 'oneDrive' || destination.accountId !== accountId) continue;
      if (card.state.kind === 'needsAttention') this.#startRun('backup', card);
    }
    return account;
  }

  #addAccount(name: string): Account {
    const account = {
      ...fixtures.alex,
      id: this.#newId('account'),
      name,
      added: fixtures.hoursAgo(0),
    };
    this.state.accounts = [...this.state.accounts, account];
    this.#emit({ kind: 'accounts', accounts: this.state.accounts });
    return account;
  }

  #inventedReport(runId: string) {
    const all = [...this.#history.values()].flat();
    const summary = all.find((run) => run.id === runId);
    if (!summary) throw failure('notFound', 'This run no longer exists.', 'Choose another run.');
    const lines = summary.error
      ? [{ level: 'error' as const, subject: '', text: summary.error.message }]
      : (summary.operation === 'restore' ? fixtures.restoreFailures : fixtures.messages).slice(
          0,
          summary.messages,
        );
    return { summary, lines };
  }

  #label(destination: DestinationSettings): string {
    if (destination.kind === 'folder') return `Folder · ${destination.path}`;
    const account = this.state.accounts.find(({ id }) => id === destination.accountId);
    return `OneDrive · ${account?.name ?? '?'} · ${destination.folder}`;
  }

  #job(jobId: string): JobCard {
    const card = this.state.jobs.find(({ id }) => id === jobId);
    if (!card) throw failure('notFound', 'This backup no longer exists.', 'Go back to Backups.');
    return card;
  }

  #emitJob(card: JobCard): void {
    this.#emit({ kind: 'job', card });
    this.#emitOverview();
  }

  #emitOverview(): void {
    this.#emit({ kind: 'overview', overview: fixtures.overviewOf(this.state.jobs) });
  }

  #emit(change: Change): void {
    this.state.seq += 1;
    const event = structuredClone({ seq: this.state.seq, change });
    this.#listeners.forEach((listener) => listener(event));
  }

  #newId(kind: string): string {
    this.#ids += 1;
    return `${kind}-${this.#ids}`;
  }
}

function failure(code: CommandError['code'], message: string, hint: string): CommandError {
  return { code, message, hint };
}

function samePlace(destination: DestinationSettings, place: string): boolean {
  return (destination.kind === 'oneDrive' ? destination.folder : destination.path) === place;
}

function contentOf(place: string): DestinationCheck['content'] {
  if (place === 'Backups/laptop' || place === 'Backups/desktop-2019') {
    return { kind: 'backup', versions: fixtures.versions(30), encrypted: true };
  }
  if (place === 'Documents') return { kind: 'otherFiles' };
  return fixtures.remoteFolders.includes(place) ? { kind: 'empty' } : { kind: 'new' };
}

/** A history that matches the card's last run. */
function inventedHistory(card: JobCard): RunSummary[] {
  if (!card.lastRun || card.lastRun.finished === null) return [];
  const pattern = [
    'success',
    'unchanged',
    'success',
    'warning',
    'success',
    'success',
    'error',
  ] as const;
  const newest = (Date.now() - Date.parse(card.lastRun.started)) / 3_600_000;
  const older = Array.from({ length: 41 }, (_, i) =>
    fixtures.run(`${card.id}-run-${i + 1}`, newest + 24 + i * 24, pattern[i % pattern.length]!, {
      addedFiles: (i * 13) % 57,
      changedFiles: (i * 7) % 23,
    }),
  );
  return [card.lastRun, ...older];
}
