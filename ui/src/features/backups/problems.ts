/** Messages about what keeps a step of the form from being complete. */
import type { CommandError } from '../../bindings/CommandError';
import type { DestinationCheck } from '../../bindings/DestinationCheck';
import type { FormStep } from '../../lib/view';
import { t } from '../../messages';
import { missingIn } from '../destinations/place';
import type { Draft } from './draft.svelte';
import type { Fields } from './fields';
import { isPolicy } from './retention';

const mebibyte = 1024 ** 2;

export function problemsOf(draft: Draft, step: FormStep): string[] {
  switch (step) {
    case 'general':
      return generalProblems(draft);
    case 'destination':
      return destinationProblems(draft);
    case 'sources':
      return sourceProblems(draft.fields);
    case 'schedule':
      return draft.fields.automatic ? scheduleProblems(draft.fields) : [];
    case 'options':
      return optionProblems(draft.fields);
    case 'sheet':
      return sheetProblems(draft);
  }
}

function generalProblems(draft: Draft): string[] {
  const { name } = draft.fields;
  return messagesOf([
    [name.trim() === '', t.general.problem.name],
    [draft.otherNames.includes(name.trim()), t.general.problem.nameTaken],
  ]);
}

function sheetProblems(draft: Draft): string[] {
  return messagesOf([[draft.choosesPassphrase && !draft.kept, t.passphrase.problem.kept]]);
}

function destinationProblems(draft: Draft): string[] {
  const { place, encrypted } = draft.fields;
  const words = t.destination.problem;
  const missing = missingIn(place);
  if (missing !== undefined) return [missing];
  if (!draft.placeChanged) return [];

  const { check, error } = draft.inspection;
  if (check === null) return [error ? failureOf(error) : words.checking];
  const isBackup = check.content.kind === 'backup';
  return messagesOf([
    [holdsBackup(check, true) && !encrypted, words.encrypted],
    [holdsBackup(check, false) && encrypted, words.plain],
    [isBackup && !draft.inspection.continues, words.continue],
    [
      draft.continues && encrypted && holdsBackup(check, true) && !draft.isProven,
      t.passphrase.problem.untried,
    ],
    [draft.choosesPassphrase && !isBackup && draft.passphrase === '', t.passphrase.problem.missing],
  ]);
}

/** An invalid name is not a connection problem. */
function failureOf({ code, message }: CommandError): string {
  return code === 'invalidInput' ? message : t.destination.problem.failed;
}

function holdsBackup({ content }: DestinationCheck, encrypted: boolean): boolean {
  return content.kind === 'backup' && content.encrypted === encrypted;
}

function sourceProblems({ sources, filters }: Fields): string[] {
  return messagesOf([
    [!sources.some((row) => row.chosen), t.sources.problem.none],
    ...filters.map((rule, index): [boolean, string] => [
      rule.expression.trim() === '',
      t.sources.problem.rule(index + 1),
    ]),
  ]);
}

function scheduleProblems({ firstDate, firstTime, every, days }: Fields): string[] {
  const words = t.schedule.problem;
  return messagesOf([
    [!/^\d{4}-\d{2}-\d{2}$/.test(firstDate), words.date],
    [!/^\d{2}:\d{2}$/.test(firstTime), words.time],
    [!isWhole(every, 1, 999), words.every],
    [days.length === 0, words.days],
  ]);
}

function optionProblems(fields: Fields): string[] {
  const { volumeMebibytes, retention } = fields;
  const { blockBytes, prefix } = fields.options;
  const words = t.options.problem;
  const volume = isWhole(volumeMebibytes, 1, 2000);
  return messagesOf([
    [!volume, words.volume],
    [volume && blockBytes >= (volumeMebibytes ?? 0) * mebibyte, words.block],
    [!/^[\p{Alphabetic}\p{N}_.]+$/u.test(prefix.trim()), words.prefix],
    [retention.keep === 'versions' && !isWhole(retention.versions, 1, 1_000_000), words.keep],
    [retention.keep === 'time' && !isWhole(retention.span, 1, 10_000), words.span],
    [retention.keep === 'policy' && !isPolicy(retention.policy), words.policy],
  ]);
}

function isWhole(value: number | null, least: number, most: number): boolean {
  return value !== null && Number.isInteger(value) && value >= least && value <= most;
}

function messagesOf(problems: [boolean, string][]): string[] {
  return problems.filter(([present]) => present).map(([, text]) => text);
}
