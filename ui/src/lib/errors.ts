import type { CommandError } from '../bindings/CommandError';
import { t } from '../messages';

/** What a rejected command gave, as the shape that every error is shown in. */
export function asCommandError(reason: unknown): CommandError {
  if (isCommandError(reason)) return reason;
  return { code: 'failed', ...t.unknownError };
}

function isCommandError(reason: unknown): reason is CommandError {
  return typeof reason === 'object' && reason !== null && 'code' in reason && 'hint' in reason;
}
