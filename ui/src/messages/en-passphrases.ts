/** Texts about passphrases and the recovery sheet, in English. */
import { day } from '../lib/format';

export const passphrase = {
  field: 'Passphrase',
  show: 'Show passphrase',
  hide: 'Hide passphrase',
  generate: 'Generate',
  strength: 'Strength',
  newTitle: 'Passphrase for the new backup',
  newText: 'It encrypts the files before they are sent, and is the only key to them.',
  existingTitle: 'Passphrase for this backup',
  existingText: 'It was chosen when this backup was created, and is on its recovery sheet.',
  tryIt: 'Check',
  trying: 'Checking it against the backup…',
  opens: 'It opens the backup.',
  keptOpens: 'The passphrase in the keychain opens the backup.',
  kept: 'Passphrase: stored in the keychain',
  keptText: 'Coffer reads it from there for each run. You do not need to type it.',
  repair: 'Repair',
  repairText:
    'Type the passphrase that this backup was created with. The one in the keychain is replaced only after the new one has opened the backup.',
  replace: 'Check and replace',
  replaced: 'It opens the backup and is now in the keychain.',
  againTitle: 'Enter the passphrase',
  againText: (name: string) =>
    `It is on the recovery sheet of “${name}”. It is checked against the backup before it is stored.`,
  againConfirm: 'Check and store',
  problem: {
    missing: 'Choose a passphrase or generate one.',
    untried: 'Type the passphrase of this backup and check it.',
    kept: 'Save or print the recovery sheet, or retype the passphrase.',
  },
  left: {
    title: 'Stored passphrases',
    text: 'For backups that were removed from Coffer. They are used when you open or continue such a backup.',
    since: (iso: string) => `unused since ${day(iso)}`,
    remove: (name: string) => `Remove the passphrase of ${name}`,
    removeTitle: (name: string) => `Remove the passphrase of “${name}”?`,
    removeText:
      'Without the passphrase, no one can open that backup. Make sure you have its recovery sheet.',
    removeConfirm: 'Remove passphrase',
  },
};

export const sheet = {
  title: 'Recovery sheet',
  lead: 'Keep a copy of the passphrase somewhere else.',
  keepTitle: 'The only key',
  keepText:
    'If you lose this computer and the passphrase with it, no one can open the backup: not Microsoft, not us. The recovery sheet lists everything you need on another computer. Do one of these:',
  save: 'Save recovery sheet',
  print: 'Print recovery sheet',
  printed: 'I have the printed sheet',
  printedQuestion: 'Did it print?',
  typeBack: 'Or retype the passphrase',
  typeBackMismatch: 'The passphrases do not match yet.',
  kept: {
    saved: (path: string) => `Recovery sheet saved to ${path}`,
    printed: 'Recovery sheet printed.',
    typed: 'Retyped correctly.',
  },
  dialogTitle: (name: string) => `Recovery sheet of “${name}”`,
  dialogText:
    'It says where this backup is and what opens it. Keep it in a safe place, away from the computer.',
};
