/** The form's fields for retention. */
import type { Retention } from '../../bindings/Retention';

/** Days, weeks, months and years, by Duplicati's letters. */
export const spanUnits = ['D', 'W', 'M', 'Y'] as const;
export type SpanUnit = (typeof spanUnits)[number];

/** One for each of the last seven days, the last four weeks and the last twelve months. */
export const smartPolicy = '1W:1D,4W:1W,12M:1M';

export interface RetentionFields {
  keep: 'all' | 'smart' | 'versions' | 'time' | 'policy';
  versions: number | null;
  span: number | null;
  unit: SpanUnit;
  policy: string;
}

const suggested: RetentionFields = {
  keep: 'all',
  versions: 30,
  span: 12,
  unit: 'M',
  policy: smartPolicy,
};

export function retentionFields(retention: Retention): RetentionFields {
  switch (retention.kind) {
    case 'all':
      return { ...suggested };
    case 'versions':
      return { ...suggested, keep: 'versions', versions: retention.count };
    case 'time': {
      const [, span, unit] = /^(\d+)([DWMY])$/.exec(retention.span) ?? [];
      if (!span) return { ...suggested, keep: 'time', span: null };
      return { ...suggested, keep: 'time', span: Number(span), unit: unit as SpanUnit };
    }
    case 'policy': {
      const { policy } = retention;
      return { ...suggested, keep: policy === smartPolicy ? 'smart' : 'policy', policy };
    }
  }
}

export function retentionOf({ keep, versions, span, unit, policy }: RetentionFields): Retention {
  switch (keep) {
    case 'all':
      return { kind: 'all' };
    case 'smart':
      return { kind: 'policy', policy: smartPolicy };
    case 'versions':
      return { kind: 'versions', count: versions ?? 1 };
    case 'time':
      return { kind: 'time', span: `${span}${unit}` };
    case 'policy':
      return { kind: 'policy', policy: policy.trim() };
  }
}

/** Whether it looks like time frames with intervals; the backend validates them. */
export function isPolicy(text: string): boolean {
  const frame = '(\\d+[smhDWMY])+|U';
  return new RegExp(`^((${frame}):(${frame}|0))(,((${frame}):(${frame}|0)))*$`).test(text.trim());
}
