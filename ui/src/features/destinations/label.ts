import type { Account } from '../../bindings/Account';
import { isComplete, type Place } from './place';

/** Where a form points to, for people; nothing while that is still open. */
export function placeLabel(place: Place, accounts: Account[]): string {
  if (!isComplete(place)) return '';
  if (place.kind === 'folder') return place.path;
  const account = accounts.find((known) => known.id === place.accountId);
  return ['OneDrive', account?.name, place.folder].filter(Boolean).join(' · ');
}
