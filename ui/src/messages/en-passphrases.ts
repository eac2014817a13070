/** Texts about passphrases and the recovery sheet, in English. */
import { day } from '../lib/format';

export const passphrase = {
  field: 'Passphrase',
  show: 'Show passphrase',
  hide: 'Hide passphrase',
  generate: 'Generate',
  strength: 'Strength',
  newTitle: 'Passphrase of the new backup',
  newText: 'It locks the files before they are sent, and is the only key to them.',
  existingTitle: 'Passphrase of this backup',
  existingText: 'It was chosen when this backup was made, and is on its recovery sheet.',
  tryIt: 'Try it',
  trying: 'Trying it on the backup…',
  opens: 'It opens the backup.',
  keptOpens: 'Its passphrase is known here, and it opens the backup.',
  kept: 'Passphrase: kept in the keychain',
  keptText: 'Coffer reads it there for each run. Nothing needs to be typed.',
  repair: 'Repair',
  repairText:
    'Type the passphrase that this backup was made with. It is tried on the backup first; until it opens it, the one in the keychain stays.',
  replace: 'Check and replace',
  replaced: 'It opens the backup and is in the keychain now.',
  againTitle: 'Enter the passphrase',
  againText: (name: string) =>
    `It is on the recovery sheet of “${name}”. It is tried on the backup before it is kept.`,
  againConfirm: 'Check and keep',
  problem: {
    missing: 'Choose a passphrase or generate one.',
    untried: 'Type the passphrase of this backup and try it.',
    kept: 'Save, print or type back the passphrase.',
  },
  left: {
    title: 'Kept passphrases',
    text: 'Of backups that no job has any more. They are used when you open or continue such a backup.',
    since: (iso: string) => `without a job since ${day(iso)}`,
    remove: (name: string) => `Remove the passphrase of ${name}`,
    removeTitle: (name: string) => `Remove the passphrase of “${name}”?`,
    removeText:
      'Without the passphrase nobody can open that backup. Be sure that you have its recovery sheet.',
    removeConfirm: 'Remove passphrase',
  },
};

export const sheet = {
  title: 'Recovery sheet',
  lead: 'Keep the passphrase somewhere else, too.',
  keepTitle: 'The only key',
  keepText:
    'If this computer is lost and the passphrase with it, nobody can open the backup: not Microsoft, not us. The recovery sheet says all that is needed on another computer. Do one of these:',
  save: 'Save recovery sheet',
  print: 'Print recovery sheet',
  printed: 'I have the printed sheet',
  printedQuestion: 'Did it print?',
  typeBack: 'Or type the passphrase again',
  typeBackMismatch: 'That is not the same yet.',
  kept: {
    saved: (path: string) => `Recovery sheet saved to ${path}`,
    printed: 'Recovery sheet printed.',
    typed: 'Typed back correctly.',
  },
  dialogTitle: (name: string) => `Recovery sheet of “${name}”`,
  dialogText:
    'It says where this backup is and what opens it. Keep it where a thief of the computer would not find it.',
};
