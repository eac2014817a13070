/** The form's fields for a job. Contains no secrets, because it is also stored as a draft. */
import type { FilterRule } from '../../bindings/FilterRule';
import type { JobDefinition } from '../../bindings/JobDefinition';
import type { JobOptions } from '../../bindings/JobOptions';
import type { NewJobDefaults } from '../../bindings/NewJobDefaults';
import type { Schedule } from '../../bindings/Schedule';
import type { ScheduleUnit } from '../../bindings/ScheduleUnit';
import type { Weekday } from '../../bindings/Weekday';
import { noPlace, placeOf, settingsOf, type Place } from '../destinations/place';
import { retentionFields, retentionOf, smartPolicy, type RetentionFields } from './retention';

export const weekdays: Weekday[] = [
  'monday',
  'tuesday',
  'wednesday',
  'thursday',
  'friday',
  'saturday',
  'sunday',
];

const mebibyte = 1024 ** 2;

export interface SourceRow {
  path: string;
  chosen: boolean;
  /** Suggested rows stay in the list when they are not chosen. */
  suggested: boolean;
}

export interface Fields {
  name: string;
  encrypted: boolean;
  place: Place;
  sources: SourceRow[];
  filters: FilterRule[];
  automatic: boolean;
  firstDate: string;
  firstTime: string;
  every: number | null;
  unit: ScheduleUnit;
  days: Weekday[];
  /** As stored; the form shows some of them in another shape, which wins. */
  options: JobOptions;
  volumeMebibytes: number | null;
  retention: RetentionFields;
  /** One pattern per line. */
  alwaysRead: string;
}

export function newFields(defaults: NewJobDefaults, accountId = '', now = new Date()): Fields {
  const definition: JobDefinition = {
    name: defaults.name,
    encrypted: true,
    destination: { kind: 'oneDrive', accountId, driveId: '', folder: '' },
    sources: [],
    filters: defaults.filters,
    schedule: { firstRun: nextEvening(now), every: 1, unit: 'days', days: [] },
    // Drives are small, and few need each version of last year.
    options: { ...defaults.options, retention: { kind: 'policy', policy: smartPolicy } },
  };
  return fieldsOf(definition, defaults, now);
}

export function fieldsOf(
  definition: JobDefinition,
  defaults: NewJobDefaults,
  now = new Date(),
): Fields {
  const { name, encrypted, destination, filters, options } = definition;
  const schedule: Schedule = definition.schedule ?? {
    firstRun: nextEvening(now),
    every: 1,
    unit: 'days',
    days: [],
  };
  const [firstDate = '', firstTime = ''] = schedule.firstRun.split('T');
  return {
    name,
    encrypted,
    place: { ...noPlace, ...placeOf(destination) },
    sources: sourceRows(definition.sources, defaults.sources),
    filters: filters.map((rule) => ({ ...rule })),
    automatic: definition.schedule !== null,
    firstDate,
    firstTime,
    every: schedule.every,
    unit: schedule.unit,
    days: schedule.days.length === 0 ? [...weekdays] : [...schedule.days],
    options: { ...options },
    volumeMebibytes: options.volumeBytes / mebibyte,
    retention: retentionFields(options.retention),
    alwaysRead: options.alwaysRead.join('\n'),
  };
}

export function definitionOf(fields: Fields): JobDefinition {
  const everyDay = fields.days.length === weekdays.length;
  return {
    name: fields.name.trim(),
    encrypted: fields.encrypted,
    destination: settingsOf(fields.place),
    sources: fields.sources.filter((row) => row.chosen).map((row) => row.path),
    filters: fields.filters.map((rule) => ({ ...rule })),
    schedule: fields.automatic
      ? {
          firstRun: `${fields.firstDate}T${fields.firstTime}`,
          every: fields.every ?? 1,
          unit: fields.unit,
          days: everyDay ? [] : weekdays.filter((day) => fields.days.includes(day)),
        }
      : null,
    options: {
      ...fields.options,
      prefix: fields.options.prefix.trim(),
      volumeBytes: (fields.volumeMebibytes ?? 0) * mebibyte,
      retention: retentionOf(fields.retention),
      alwaysRead: linesOf(fields.alwaysRead),
    },
  };
}

function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

function sourceRows(chosen: string[], suggested: string[]): SourceRow[] {
  const suggestions = suggested.map((path) => ({
    path,
    chosen: chosen.includes(path),
    suggested: true,
  }));
  const others = chosen
    .filter((path) => !suggested.includes(path))
    .map((path) => ({ path, chosen: true, suggested: false }));
  return [...suggestions, ...others];
}

/** 6 p.m. today or tomorrow, when most computers are on and few are busy. */
function nextEvening(now: Date): string {
  const evening = new Date(now);
  evening.setHours(18, 0, 0, 0);
  if (evening <= now) evening.setDate(evening.getDate() + 1);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${evening.getFullYear()}-${two(evening.getMonth() + 1)}-${two(evening.getDate())}T18:00`;
}
