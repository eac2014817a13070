/** Passphrases of the fixture backups, and their recovery sheet. */
import type { DestinationSettings } from '../../bindings/DestinationSettings';
import type { JobDefinition } from '../../bindings/JobDefinition';
import type { LeftPassphrase } from '../../bindings/LeftPassphrase';
import type { RecoverySheet } from '../../bindings/RecoverySheet';
import type { CommandError } from '../../bindings/CommandError';

/** A passphrase that opens none of the backups. */
export const wrongPassphrase = 'wrong';

export const refusal: CommandError = {
  code: 'wrongPassphrase',
  message: 'This passphrase does not open the backup.',
  hint: 'Check upper and lower case. It is on the recovery sheet.',
};

export function leftBy(id: string, definition: JobDefinition, label: string): LeftPassphrase {
  return {
    id,
    name: definition.name,
    destination: definition.destination,
    prefix: definition.options.prefix,
    label,
    left: new Date().toISOString(),
  };
}

export function isSamePlace(a: DestinationSettings, b: DestinationSettings): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

export function sheetOf(
  { name, destination, options, encrypted }: JobDefinition,
  passphrase: string,
  account: string,
): RecoverySheet {
  const line = (label: string, value: string, isExact = false) => ({ label, value, isExact });
  const place =
    destination.kind === 'oneDrive'
      ? [
          line('Storage', 'Microsoft OneDrive'),
          line('Account', account),
          line('Drive ID', destination.driveId || 'b!7Qx-personal', true),
          line('Folder', destination.folder, true),
        ]
      : [line('Storage', 'A folder on a disk'), line('Folder', destination.path, true)];
  return {
    title: 'Coffer recovery sheet',
    intro:
      'Keep this in a safe place, away from the computer that is backed up. Without the passphrase, no one can read the backup.',
    lines: [
      line('Backup', name),
      ...place,
      line('File prefix', options.prefix, true),
      line('Passphrase', encrypted ? passphrase : 'none: it is not encrypted', true),
    ],
    how: 'To restore on a new computer: install Coffer, choose “I already have a backup”, and type the passphrase.',
  };
}
