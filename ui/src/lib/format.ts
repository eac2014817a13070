/** Numbers, sizes and times for display. */

const locale = globalThis.navigator?.language?.startsWith('en') ? navigator.language : 'en-GB';

const wholeNumber = new Intl.NumberFormat(locale);
const timeOnly = new Intl.DateTimeFormat(locale, { hour: 'numeric', minute: '2-digit' });
const weekdayAndTime = new Intl.DateTimeFormat(locale, {
  weekday: 'long',
  hour: 'numeric',
  minute: '2-digit',
});
const dayAndTime = new Intl.DateTimeFormat(locale, {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: 'numeric',
  minute: '2-digit',
});
const dayOnly = new Intl.DateTimeFormat(locale, {
  weekday: 'short',
  day: 'numeric',
  month: 'short',
  year: 'numeric',
});

const byteUnits = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** `1234` → `1,234`. */
export function count(value: number): string {
  return wholeNumber.format(value);
}

/** Decimal units, as OneDrive and file managers show them: `4.2 GB`. */
export function bytes(value: number): string {
  let unit = 0;
  let size = value;
  while (size >= 999.5 && unit < byteUnits.length - 1) {
    size /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || size >= 99.5 ? 0 : 1;
  return `${size.toLocaleString(locale, { maximumFractionDigits: digits })} ${byteUnits[unit]}`;
}

/** Binary units, in which block and volume sizes are powers of two: `50 MiB`. */
export function binaryBytes(value: number): string {
  return value >= 1024 ** 2 ? `${value / 1024 ** 2} MiB` : `${value / 1024} KiB`;
}

/** `today, 09:12`, `yesterday, 18:00`, `Friday 09:12` within a week, else the whole date. */
export function moment(iso: string, now = new Date()): string {
  const time = new Date(iso);
  const days = calendarDays(now, time);
  if (days === 0) return `today, ${timeOnly.format(time)}`;
  if (days === -1) return `yesterday, ${timeOnly.format(time)}`;
  if (days === 1) return `tomorrow, ${timeOnly.format(time)}`;
  if (Math.abs(days) < 7) return weekdayAndTime.format(time);
  return dayAndTime.format(time);
}

/** Day, month, year and time, for texts that are read long afterwards. */
export function fullMoment(iso: string): string {
  return dayAndTime.format(new Date(iso));
}

/** `Tue, 24 Nov 2026`: the heading above the versions of one day. */
export function day(iso: string): string {
  return dayOnly.format(new Date(iso));
}

/** `09:12`. */
export function clockTime(iso: string): string {
  return timeOnly.format(new Date(iso));
}

/** `about 2 hours`, `about 5 minutes`, `less than a minute`. Coarse on purpose: it is an estimate. */
export function timeLeft(seconds: number): string {
  if (seconds < 60) return 'less than a minute';
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `about ${plural(minutes, 'minute')}`;
  const hours = Math.round(minutes / 60);
  if (hours < 48) return `about ${plural(hours, 'hour')}`;
  return `about ${plural(Math.round(hours / 24), 'day')}`;
}

/** The time between two moments, as {@link inUnits}. */
export function duration(fromIso: string, toIso: string): string {
  return inUnits((Date.parse(toIso) - Date.parse(fromIso)) / 1000);
}

/** `42 s`, `3 min 20 s`, `1 h 4 min`. */
export function inUnits(exactSeconds: number): string {
  const seconds = Math.max(0, Math.round(exactSeconds));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** `1 file`, `2 files`, `1,204 files`. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

function calendarDays(from: Date, to: Date): number {
  const midnight = (date: Date) => Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
  return Math.round((midnight(to) - midnight(from)) / 86_400_000);
}
