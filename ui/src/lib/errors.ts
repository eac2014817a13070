import type { CommandError } from '../bindings/CommandError';
import { t } from '../messages';

/** Converts the reason of a rejected command to an error that can be shown. */
export function asCommandError(reason: unknown): CommandError {
  if (isCommandError(reason)) return reason;
  return { code: 'failed', ...t.unknownError };
}

function isCommandError(reason: unknown): reason is CommandError {
  return typeof reason === 'object' && reason !== null && 'code' in reason && 'hint' in reason;
}
