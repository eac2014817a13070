import type { JobCard } from '../../bindings/JobCard';
import type { SaveJob } from '../../bindings/SaveJob';
import type { App } from '../../lib/app.svelte';
import { formSteps, type FormStep, type Start } from '../../lib/view';
import { t } from '../../messages';
import type { Platform } from '../../platform/platform';
import { Inspection } from '../destinations/inspection.svelte';
import { isComplete, placeOf, settingsOf } from '../destinations/place';
import { definitionOf, fieldsOf, newFields, type Fields } from './fields';
import { forgetDraft, storedDraft, storeDraft } from './stored-draft';

/** How the user kept a copy of the passphrase. */
export type Kept = { how: 'saved'; path: string } | { how: 'printed' } | { how: 'typed' };

/** A backup that is being created or edited. */
export class Draft {
  readonly jobId: string | null;
  readonly inspection: Inspection;
  readonly otherNames: string[];
  /** Whether an unfinished form was restored. */
  readonly resumed: boolean;
  readonly #original: JobCard | undefined;

  fields: Fields = $state()!;
  /** Only in memory, and only while the form is open. */
  passphrase = $state('');
  #kept: { how: Kept; of: string } | null = $state(null);
  #proven: string | null = $state(null);
  #generated: string | null = $state(null);
  #unfinished: Promise<unknown> = Promise.resolve();
  #encryptedIfNew: boolean | null = null;

  constructor(app: App, jobId: string | null, start?: Start) {
    const { accounts, defaults, jobs } = app.state;
    const stored = storedDraft(jobId);
    this.jobId = jobId;
    this.#original = jobId === null ? undefined : app.job(jobId);
    this.inspection = new Inspection(app.platform);
    this.otherNames = jobs.filter((card) => card.id !== jobId).map((card) => card.definition.name);
    this.resumed = stored !== null;
    const fresh = this.#original
      ? fieldsOf(this.#original.definition, defaults)
      : newFields(defaults, accounts.at(-1)?.id);
    // A draft from an older version may lack fields.
    this.fields = { ...fresh, ...stored, options: { ...fresh.options, ...stored?.options } };
    if (start) {
      this.fields.place = placeOf(start.destination);
      this.fields.options.prefix = start.prefix || defaults.options.prefix;
      this.inspection.goOnWith(start.destination, this.fields.options.prefix);
    }
  }

  /** A destination that the job already uses needs no check. */
  get placeChanged(): boolean {
    const before = this.#original?.definition.destination;
    const now = settingsOf(this.fields.place);
    return JSON.stringify(before) !== JSON.stringify(now);
  }

  /** Whether the existing backup at the destination is continued. */
  get continues(): boolean {
    const { check, continues } = this.inspection;
    return this.placeChanged && check?.content.kind === 'backup' && continues;
  }

  /** Takes over whether the existing backup is encrypted; a new one is as it was asked for. */
  adoptEncryption(): void {
    const content = this.inspection.check?.content;
    if (this.continues && content?.kind === 'backup') {
      this.#encryptedIfNew ??= this.fields.encrypted;
      this.fields.encrypted = content.encrypted;
    } else if (this.#encryptedIfNew !== null) {
      this.fields.encrypted = this.#encryptedIfNew;
      this.#encryptedIfNew = null;
    }
  }

  /** Whether the form asks for a new passphrase, because the backup does not exist yet. */
  get choosesPassphrase(): boolean {
    return this.jobId === null && this.fields.encrypted && !this.continues;
  }

  /** The steps of the form. The sheet is only for new passphrases; the job's menu can create another. */
  get steps(): FormStep[] {
    return formSteps.filter((step) => step !== 'sheet' || this.choosesPassphrase);
  }

  /** How a copy of the passphrase was kept; a sheet counts only while its content is current. */
  get kept(): Kept | null {
    const kept = this.#kept;
    const holds = kept && (kept.how.how === 'typed' || kept.of === this.#onSheet());
    return holds ? kept.how : null;
  }

  keep(how: Kept): void {
    this.#kept = { how, of: this.#onSheet() };
  }

  /** Whether the passphrase was checked and opens the existing backup. */
  get isProven(): boolean {
    return this.#proven === this.#onTrial(this.passphrase);
  }

  prove(passphrase: string): void {
    this.passphrase = passphrase;
    this.#proven = this.#onTrial(passphrase);
  }

  setPassphrase(passphrase: string): void {
    this.passphrase = passphrase;
    this.#kept = null;
  }

  /** Uses a passphrase that Coffer generated. */
  useGenerated(passphrase: string): void {
    this.setPassphrase(passphrase);
    this.#generated = passphrase;
  }

  get isGenerated(): boolean {
    return this.#generated !== null && this.passphrase === this.#generated;
  }

  request(): SaveJob {
    const passphrase = this.fields.encrypted && this.passphrase !== '' ? this.passphrase : null;
    return { definition: definitionOf($state.snapshot(this.fields)), passphrase };
  }

  #onTrial(passphrase: string): string {
    return JSON.stringify([
      settingsOf(this.fields.place),
      this.fields.options.prefix.trim(),
      passphrase,
    ]);
  }

  #onSheet(): string {
    return JSON.stringify([this.fields.name.trim(), this.#onTrial(this.passphrase)]);
  }

  /** Adds a source and chooses it. Returns why it cannot be added. */
  async addSource(platform: Platform, given: string): Promise<string | undefined> {
    const { path, problem } = await platform.checkSource(given);
    const known = this.fields.sources.find((row) => row.path === path);
    if (problem) return problem;
    if (known?.chosen) return t.sources.already;
    if (known) known.chosen = true;
    else this.fields.sources.push({ path, chosen: true, suggested: false });
    return undefined;
  }

  /** `work`, such as a check of a typed path, has to end before the form continues. */
  finishBefore(work: Promise<unknown>): void {
    this.#unfinished = work;
  }

  /** Waits for unfinished work, and for a pending check of the destination. */
  async settle(): Promise<void> {
    await this.#unfinished;
    const { place, options } = $state.snapshot(this.fields);
    if (this.placeChanged && isComplete(place)) {
      await this.inspection.settle(settingsOf(place), options.prefix);
    }
  }

  store(): void {
    storeDraft(this.jobId, $state.snapshot(this.fields));
  }

  forget(): void {
    forgetDraft(this.jobId);
    this.passphrase = '';
  }
}
