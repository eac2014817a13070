/** The form's fields for a destination, of all kinds at once, so that switching between kinds loses nothing. */
import type { DestinationSettings } from '../../bindings/DestinationSettings';

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
  if (place.kind === 'folder') return { kind: 'folder', path: place.path.trim() };
  return {
    kind: 'oneDrive',
    accountId: place.accountId,
    driveId: place.driveId.trim(),
    folder: place.folder.trim().replace(/^\/+|\/+$/g, ''),
  };
}

/** Whether the destination is complete enough to be checked. */
export function isComplete(place: Place): boolean {
  const settings = settingsOf(place);
  return settings.kind === 'folder'
    ? settings.path !== ''
    : settings.accountId !== '' && settings.folder !== '';
}
