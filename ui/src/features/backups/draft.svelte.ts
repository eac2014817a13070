import type { JobCard } from '../../bindings/JobCard';
import type { SaveJob } from '../../bindings/SaveJob';
import type { App } from '../../lib/app.svelte';
import { Inspection } from '../destinations/inspection.svelte';
import { settingsOf } from '../destinations/place';
import { definitionOf, fieldsOf, newFields, type Fields } from './fields';
import { forgetDraft, storedDraft, storeDraft } from './stored-draft';

/** How the passphrase was brought to a second place. */
export type Kept = { how: 'saved'; path: string } | { how: 'printed' } | { how: 'typed' };

/** A backup that is being made or changed. */
export class Draft {
  readonly jobId: string | null;
  readonly inspection: Inspection;
  readonly otherNames: string[];
  /** Whether an unfinished form was found and taken up. */
  readonly resumed: boolean;
  readonly #original: JobCard | undefined;

  fields: Fields = $state()!;
  /** Only in memory, and only as long as the form is open. */
  passphrase = $state('');
  kept: Kept | null = $state(null);
  /** Whether the passphrase in the keychain is left as it is. */
  passphraseStored = $state(false);

  constructor(app: App, jobId: string | null) {
    const { jobs, defaults } = app.state;
    const stored = storedDraft(jobId);
    this.jobId = jobId;
    this.#original = jobId === null ? undefined : app.job(jobId);
    this.inspection = new Inspection(app.platform);
    this.otherNames = jobs.filter((card) => card.id !== jobId).map((card) => card.definition.name);
    this.resumed = stored !== null;
    this.passphraseStored = this.#original !== undefined;
    const fresh = this.#original
      ? fieldsOf(this.#original.definition, defaults)
      : newFields(defaults);
    // A draft of an older version may lack a field.
    this.fields = { ...fresh, ...stored };
  }

  /** A destination that a job has used before needs no second look. */
  get placeChanged(): boolean {
    const before = this.#original?.definition.destination;
    const now = settingsOf(this.fields.place);
    return JSON.stringify(before) !== JSON.stringify(now);
  }

  setPassphrase(passphrase: string): void {
    this.passphrase = passphrase;
    this.kept = null;
  }

  request(): SaveJob {
    const passphrase = this.fields.encrypted && this.passphrase !== '' ? this.passphrase : null;
    return { definition: definitionOf($state.snapshot(this.fields)), passphrase };
  }

  store(): void {
    storeDraft(this.jobId, $state.snapshot(this.fields));
  }

  forget(): void {
    forgetDraft(this.jobId);
    this.passphrase = '';
  }
}
