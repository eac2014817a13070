/**
 * The app's state as reported by the backend, kept current by its events.
 *
 * The whole state is requested once; after that, only events with a higher `seq` are applied.
 */
import { getContext, setContext } from 'svelte';

import type { Account } from '../bindings/Account';
import type { AppState } from '../bindings/AppState';
import type { BandwidthSettings } from '../bindings/BandwidthSettings';
import type { Change } from '../bindings/Change';
import type { Event } from '../bindings/Event';
import type { JobCard } from '../bindings/JobCard';
import type { Progress } from '../bindings/Progress';
import type { RecoverySheet } from '../bindings/RecoverySheet';
import type { RunSummary } from '../bindings/RunSummary';
import type { SignInOutcome } from '../bindings/SignInOutcome';
import type { SignInSettings } from '../bindings/SignInSettings';
import type { Theme } from '../bindings/Theme';
import type { Platform } from '../platform/platform';
import type { View } from './view';

/** State of a run: progress while it runs, a summary once it has ended. */
export interface RunStatus {
  progress: Progress | null;
  summary: RunSummary | null;
}

export class App {
  readonly platform: Platform;
  state: AppState;
  view: View = $state({ name: 'home' });
  /** The recovery sheet while it is being printed. */
  sheet: RecoverySheet | null = $state(null);
  /** Outcomes by sign-in id. They may arrive before the reply with that id. */
  signIns: Record<string, SignInOutcome> = $state({});
  #restores: Record<string, RunStatus> = $state({});
  #seq: number;

  private constructor(platform: Platform, state: AppState) {
    this.platform = platform;
    this.state = $state(state);
    this.#seq = state.seq;
    showTheme(state.theme);
  }

  /** Loads the state and subscribes to events; events that arrive before the reply are queued. */
  static async start(platform: Platform): Promise<App> {
    const early: Event[] = [];
    let deliver = (event: Event): void => void early.push(event);
    await platform.subscribe((event) => deliver(event));

    const app = new App(platform, await platform.appState());
    deliver = (event) => app.apply(event);
    early.forEach(deliver);
    return app;
  }

  /** Applies one event unless the state already contains it. */
  apply(event: Event): void {
    if (event.seq <= this.#seq) return;
    this.#seq = event.seq;
    this.#change(event.change);
  }

  job(jobId: string): JobCard | undefined {
    return this.state.jobs.find((card) => card.id === jobId);
  }

  /** Adopts a card that a command returned. */
  putJob(card: JobCard): void {
    const others = this.state.jobs.filter((other) => other.id !== card.id);
    this.state.jobs = [...others, card].sort((a, b) =>
      a.definition.name.localeCompare(b.definition.name),
    );
  }

  /** State of a run of a job, or of a restore that belongs to no job. */
  run(runId: string, jobId: string | null): RunStatus {
    const card = jobId === null ? undefined : this.job(jobId);
    if (!card) return this.#restores[runId] ?? { progress: null, summary: null };

    const { state, lastRun } = card;
    const progress = state.kind === 'running' && state.runId === runId ? state.progress : null;
    const ended = lastRun?.id === runId && lastRun.finished !== null && progress === null;
    return { progress, summary: ended ? lastRun : null };
  }

  /** Adopts an account that a command or a sign-in returned, if its event has not arrived yet. */
  putAccount(account: Account): void {
    if (this.state.accounts.some((known) => known.id === account.id)) return;
    this.state.accounts = [...this.state.accounts, account];
  }

  /** Running restores that belong to no job. */
  get looseRestores(): string[] {
    return Object.keys(this.#restores).filter((runId) => this.#restores[runId]?.progress);
  }

  async setTheme(theme: Theme): Promise<void> {
    await this.platform.setTheme(theme);
    this.state.theme = theme;
    showTheme(theme);
  }

  async setBandwidth(settings: BandwidthSettings): Promise<void> {
    await this.platform.setBandwidth(settings);
    this.state.bandwidth = settings;
  }

  /** A client ID enables other ways to sign in, so the whole state is reloaded. */
  async setSignInSettings(settings: SignInSettings): Promise<void> {
    await this.platform.setSignInSettings(settings);
    const { signIn, signsInDirectly } = await this.platform.appState();
    this.state.signIn = signIn;
    this.state.signsInDirectly = signsInDirectly;
  }

  #change(change: Change): void {
    switch (change.kind) {
      case 'all':
        this.#replace(change.state);
        break;
      case 'job':
        this.putJob(change.card);
        break;
      case 'progress':
        this.#moveOn(change.jobId, change.runId, change.progress);
        break;
      case 'overview':
        this.state.overview = change.overview;
        break;
      case 'jobRemoved':
        this.removeJob(change.jobId);
        break;
      case 'signIn':
        this.signIns[change.signInId] = change.outcome;
        break;
      case 'accounts':
        this.state.accounts = change.accounts;
        break;
      case 'restore':
        this.#restores[change.runId] = { progress: change.progress, summary: change.summary };
        break;
      case 'keychain':
        this.state.keychainProblem = change.problem;
        break;
      case 'database':
        this.state.databaseProblem = change.problem;
        break;
      case 'tray':
        this.state.tray = change.status;
        break;
      case 'show':
        this.view = { name: 'home', jobId: change.jobId };
        break;
    }
  }

  /** Only the progress changes; the rest of the card stays. */
  #moveOn(jobId: string, runId: string, progress: Progress): void {
    const state = this.job(jobId)?.state;
    if (state?.kind === 'running' && state.runId === runId) state.progress = progress;
  }

  /** Adopts a whole state, and leaves a view of a job that no longer exists. */
  #replace(state: AppState): void {
    this.state = state;
    showTheme(state.theme);
    if ('jobId' in this.view && this.view.jobId && !this.job(this.view.jobId)) {
      this.view = { name: 'home' };
    }
  }

  /** Removes a job, and leaves a view of it. */
  removeJob(jobId: string): void {
    this.state.jobs = this.state.jobs.filter((card) => card.id !== jobId);
    if ('jobId' in this.view && this.view.jobId === jobId) this.view = { name: 'home' };
  }
}

const key = Symbol('app');

export function provideApp(app: App): void {
  setContext(key, app);
}

export function useApp(): App {
  return getContext(key);
}

/** `system` has no attribute: `color-scheme: light dark` then follows the system. */
function showTheme(theme: Theme): void {
  if (theme === 'system') document.documentElement.removeAttribute('data-theme');
  else document.documentElement.dataset.theme = theme;
}
