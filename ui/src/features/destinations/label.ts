import type { Account } from '../../bindings/Account';
import { isComplete, type Place } from './place';

/** Label of the form's destination; empty while it is incomplete. */
export function placeLabel(place: Place, accounts: Account[]): string {
  if (!isComplete(place)) return '';
  if (place.kind === 'folder') return place.path;
  const account = accounts.find((known) => known.id === place.accountId);
  return ['OneDrive', account?.name, place.folder].filter(Boolean).join(' · ');
}
