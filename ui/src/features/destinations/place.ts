/**
 * Destinations of all kinds, and the only place that tells the kinds apart besides the form's own fields.
 *
 * A form holds the fields of all kinds at once, so that switching between kinds loses nothing.
 */
import type { Account } from '../../bindings/Account';
import type { DestinationSettings } from '../../bindings/DestinationSettings';
import type { IconName } from '../../components/Icon.svelte';
import { t } from '../../messages';

export interface Place {
  kind: DestinationSettings['kind'];
  accountId: string;
  driveId: string;
  folder: string;
  path: string;
}

export const noPlace: Place = {
  kind: 'oneDrive',
  accountId: '',
  driveId: '',
  folder: '',
  path: '',
};

export function placeOf(destination: DestinationSettings): Place {
  return { ...noPlace, ...destination };
}

export function settingsOf(place: Place): DestinationSettings {
  switch (place.kind) {
    case 'folder':
      return { kind: 'folder', path: place.path.trim() };
    case 'oneDrive':
      return {
        kind: 'oneDrive',
        accountId: place.accountId,
        driveId: place.driveId.trim(),
        folder: place.folder.trim().replace(/^\/+|\/+$/g, ''),
      };
  }
}

/** A message about the first thing that is missing. */
export function missingIn(place: Place): string | undefined {
  const settings = settingsOf(place);
  const words = t.destination.problem;
  switch (settings.kind) {
    case 'folder':
      return settings.path === '' ? words.path : undefined;
    case 'oneDrive':
      if (settings.accountId === '') return words.account;
      return settings.folder === '' ? words.folder : undefined;
  }
}

/** Whether the destination is complete enough to be checked. */
export function isComplete(place: Place): boolean {
  return missingIn(place) === undefined;
}

/** Label of the form's destination; empty while it is incomplete. */
export function placeLabel(place: Place, accounts: Account[]): string {
  if (!isComplete(place)) return '';
  if (place.kind === 'folder') return place.path;
  const account = accounts.find((known) => known.id === place.accountId);
  return ['OneDrive', account?.name, place.folder].filter(Boolean).join(' · ');
}

export function iconOf(destination: DestinationSettings): IconName {
  return destination.kind === 'folder' ? 'disk' : 'cloud';
}

/** The account that signs in, for kinds that need one. */
export function accountIdOf(destination: DestinationSettings): string | undefined {
  return destination.kind === 'oneDrive' ? destination.accountId : undefined;
}
