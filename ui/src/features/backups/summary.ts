/** What a backup will do, in a sentence for each setting. */
import { moment } from '../../lib/format';
import { t } from '../../messages';
import type { Draft } from './draft.svelte';
import { weekdays, type Fields } from './fields';
import { problemsOf } from './problems';

/** Empty while the schedule is incomplete. */
export function scheduleSummary(draft: Draft): string {
  const words = t.schedule;
  const { fields } = draft;
  if (!fields.automatic || problemsOf(draft, 'schedule').length > 0) return '';
  const every = fields.every ?? 1;
  const chosen = weekdays.filter((day) => fields.days.includes(day));
  const days =
    chosen.length === weekdays.length
      ? ''
      : words.onDays(chosen.map((day) => words.dayNames[day]).join(', '));
  const unit = every === 1 ? words.unitOne[fields.unit] : words.units[fields.unit];
  return words.summary(every, unit, days, moment(`${fields.firstDate}T${fields.firstTime}`));
}

export function leftOutSummary({ filters }: Fields): string {
  const words = t.quick.ready;
  const excluded = filters.filter((rule) => !rule.include && rule.expression.trim() !== '');
  if (excluded.length === 0) return words.nothingLeftOut;
  return words.rules(excluded.map(({ expression }) => words.groups[expression] ?? expression));
}

export function retentionSummary({ retention }: Fields): string {
  const { label, text } = t.options.keepWays[retention.keep];
  return `${label}. ${text}`;
}
