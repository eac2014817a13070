/** Drafts of the form, kept across restarts of the window. */
import type { Fields } from './fields';

const key = (jobId: string | null) => `coffer.draft.${jobId ?? 'new'}`;

export function storeDraft(jobId: string | null, fields: Fields): void {
  localStorage.setItem(key(jobId), JSON.stringify(fields));
}

export function storedDraft(jobId: string | null): Fields | null {
  const text = localStorage.getItem(key(jobId));
  if (text === null) return null;
  try {
    return JSON.parse(text) as Fields;
  } catch {
    return null;
  }
}

export function forgetDraft(jobId: string | null): void {
  localStorage.removeItem(key(jobId));
}
