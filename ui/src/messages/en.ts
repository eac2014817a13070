/** Every text a person reads, in English. */
import type { Operation } from '../bindings/Operation';
import type { Permission } from '../bindings/Permission';
import type { ScheduleUnit } from '../bindings/ScheduleUnit';
import type { Weekday } from '../bindings/Weekday';
import { bytes, count, day, moment, plural } from '../lib/format';
import { passphrase, sheet } from './en-passphrases';
import { restore } from './en-restore';
import { progress, status } from './en-status';

export const en = {
  app: {
    name: 'Coffer',
    demo: 'Demo',
    demoHint: 'Everything here talks to a simulator. No real account is used.',
    trayUnavailable: 'No tray on this desktop: closing keeps Coffer in the task bar.',
    version: (version: string) => `Version ${version}`,
    cannotStart: 'Coffer could not start',
    outdated: 'Coffer needs an update',
    skip: 'Skip to content',
  },

  nav: {
    label: 'Main',
    backups: 'Backups',
    restore: 'Restore',
    settings: 'Settings',
    newBackup: 'New backup',
  },

  action: {
    back: 'Back',
    next: 'Next',
    cancel: 'Cancel',
    close: 'Close',
    retry: 'Try again',
    dismiss: 'Dismiss',
    remove: 'Remove',
    copy: 'Copy link',
    copied: 'Copied',
    more: (left: number) => `Show more (${count(left)} left)`,
  },

  unknownError: {
    message: 'Something unexpected happened.',
    hint: 'Try again. If it stays like this, restart Coffer.',
  },

  home: {
    level: {
      good: () => 'Everything is backed up.',
      running: (jobs: number) =>
        jobs === 1 ? 'A backup is running.' : `${count(jobs)} backups are running.`,
      bad: (jobs: number) =>
        jobs === 1 ? 'One backup needs you.' : `${count(jobs)} backups need you.`,
      warning: (jobs: number) =>
        jobs === 1 ? 'One backup needs a look.' : `${count(jobs)} backups need a look.`,
      waiting: (jobs: number) =>
        jobs === 1 ? 'One backup is waiting.' : `${count(jobs)} backups are waiting.`,
      new: (jobs: number) =>
        jobs === 1 ? 'One backup has not run yet.' : `${count(jobs)} backups have not run yet.`,
      firstOfAll: 'Ready for the first backup.',
    },
    unreadable: (isJob: boolean, name: string) =>
      `This ${isJob ? 'backup' : 'sign-in'} cannot be read${name ? `: “${name}”` : '.'}`,
    unreadableText:
      'A later version of Coffer may have written it. It was left as it is and does not run; install that version again to use it.',
    nextRun: (when: string) => `Next run ${when}.`,
    nothingPlanned: 'No run is planned. Backups start when you say so.',
    nextRunAfter: 'The next run is planned once that is done.',
  },

  empty: {
    title: 'Put your files somewhere safe.',
    lead: 'Coffer keeps encrypted versions of your folders on your own OneDrive. Nobody but you can open them.',
    create: 'Back up this computer',
    createText: 'Choose folders, sign in to OneDrive, and let it run by itself from then on.',
    existing: 'I already have a backup',
    existingText:
      'Made with Coffer or Duplicati, on this computer or another. See its versions and get files back.',
    promises: [
      ['Encrypted first', 'Files are locked on this computer before anything is sent.'],
      ['Versions kept', 'Go back to any day, for a single file or for everything.'],
      ['No lock-in', 'Volumes are in Duplicati’s format. Leave whenever you like.'],
    ],
  },

  job: {
    backUpNow: 'Back up now',
    restore: 'Restore',
    stop: 'Stop',
    stopping: 'Stopping…',
    menu: (name: string) => `More for ${name}`,
    edit: 'Edit',
    history: 'Run history',
    delete: 'Delete',
    signInAgain: 'Sign in again',
    passphraseAgain: 'Enter the passphrase',
    nextRun: 'Next run',
    onlyByHand: 'Only by hand',
    waitsForYou: 'Waits for you',
    versions: 'Versions',
    stored: 'Stored',
    free: 'Free space',
    freeOf: (free: number, total: number) => `${bytes(free)} of ${bytes(total)}`,
    recentRuns: (runs: string) => `Recent runs, newest last: ${runs}`,
    openReport: 'See the report',
    sheet: 'Recovery sheet',
  },

  /** What a run held back, and one run may do. */
  allowOnce: {
    newDestination: {
      offer: 'Begin a new backup there',
      title: (name: string) => `Begin a new backup for “${name}”?`,
      text: 'Everything is uploaded again, and older versions are not brought back. If the backup was moved, or its disk is not plugged in, cancel and bring it back instead.',
      confirm: 'Begin a new backup',
    },
    missingSource: {
      offer: 'It is meant to be empty',
      title: (name: string) => `Back up “${name}” as it is now?`,
      text: 'A source is suddenly empty, or on another disk. The new version has what is there now; older versions keep what was there. If a disk is only unplugged, cancel and plug it in.',
      confirm: 'Back up as it is',
    },
    massDeletion: {
      offer: 'Delete old versions',
      title: (name: string) => `Delete most versions of “${name}”?`,
      text: 'More than half of all versions are older than the rule allows, which is odd after a run that deleted few: the clock may have jumped. Check the date of this computer. What is deleted cannot be brought back.',
      confirm: 'Delete them',
    },
  } satisfies Record<Permission, object>,

  status,

  progress,

  deleteJob: {
    title: (name: string) => `Delete “${name}”?`,
    text: 'Coffer forgets this backup. Everything already stored at the destination stays there, untouched.',
    keeps:
      'Its passphrase stays in this computer’s keychain. Coffer uses it when you open or continue this backup; Settings can remove it.',
    forget: 'Remove its passphrase from the keychain, too',
    forgetWarning:
      'Without the passphrase nobody can open the stored backup. Be sure that you have its recovery sheet.',
    confirm: 'Delete backup',
  },

  signInAgain: {
    title: 'Sign in again',
    text: (name: string) =>
      `Sign in once more as ${name}. Its backups go on by themselves where they were.`,
  },

  form: {
    newTitle: 'New backup',
    editTitle: (name: string) => `Edit “${name}”`,
    steps: {
      general: 'General',
      destination: 'Destination',
      sources: 'Source data',
      schedule: 'Schedule',
      options: 'Options',
      sheet: 'Sheet',
    },
    stepsLabel: 'Steps',
    stepState: {
      done: 'complete',
      incomplete: 'not complete',
      open: 'not visited',
    },
    stepOf: (position: number, count: number) => `Step ${position} of ${count}`,
    problems: 'Before you go on:',
    create: 'Create backup',
    update: 'Save changes',
    draftKept: 'Picked up where you left off.',
    startOver: 'Start over',
  },

  general: {
    lead: 'Give it a name and decide who can read it.',
    name: 'Name',
    encryption: 'Encrypt this backup',
    encryptionText: 'Files are encrypted on this computer before they are sent (AES-256).',
    encryptionFixed: 'Whether a backup is encrypted is fixed for its life.',
    notEncrypted: 'Whoever can open the destination can read your files.',
    problem: {
      name: 'Give the backup a name.',
      nameTaken: 'Another backup has this name.',
    },
  },

  passphrase,

  sheet,

  destination: {
    lead: 'Where the backup is kept.',
    type: 'Storage type',
    oneDrive: 'Microsoft OneDrive',
    oneDriveText: 'Personal, work or school',
    folder: 'A folder on this computer',
    folderText: 'For example on an external disk',
    account: 'Account',
    anotherAccount: 'Another account…',
    authId: 'AuthID',
    authIdAction: 'AuthID: sign in with Microsoft',
    authIdHelp: 'Sign in with Microsoft and this fills itself, or paste an AuthID that you have.',
    signIn: 'Sign in with Microsoft',
    useAuthId: 'Use this AuthID',
    signedIn: (name: string) => `Signed in as ${name}`,
    signedInNameless: 'Signed in',
    waiting: 'Waiting for you in the browser',
    waitingText:
      'Approve the sign-in on the page that opened. This field fills itself when you are done.',
    noBrowser: 'No browser opened',
    noBrowserText: 'Open this address yourself, on this computer or any other:',
    linkInstead: 'No page opened? Use this address:',
    linkLabel: 'Sign-in address',
    cancelSignIn: 'Cancel sign-in',
    otherWays: 'Without the service between:',
    directly: 'sign in at Microsoft directly',
    or: ' or ',
    withCode: 'with a code',
    codeText: 'Type this code on the page below, on this computer or any other:',
    codeLabel: 'Code',
    demoAccount: 'Demo',
    driveId: 'Drive id',
    driveIdHelp: 'Leave empty for the account’s own drive.',
    drives: 'Drives of this account',
    lookingForDrives: 'Looking for drives…',
    free: (bytesFree: number) => `${bytes(bytesFree)} free`,
    ownDrive: 'own drive',
    folderField: 'Folder',
    browse: 'Browse',
    suggest: 'Suggest a new folder',
    path: 'Path',
    choosePath: 'Choose folder',
    test: 'Test',
    testing: 'Looking at the destination…',
    content: {
      new: 'New folder',
      newText: 'It does not exist yet. Coffer creates it with the first backup.',
      empty: 'Empty folder',
      emptyText: 'It exists and nothing is in it. Good.',
      otherFiles: 'Other files are in here',
      otherFilesText: 'Coffer leaves them alone, but a folder of its own is easier to look after.',
      backup: 'This folder already holds a backup',
      backupText: (versions: number, newest: string | null) =>
        newest === null
          ? 'It has no complete version yet.'
          : `${plural(versions, 'version')}, the newest from ${moment(newest)}.`,
      encrypted: 'It is encrypted: its passphrase is needed.',
      plain: 'It is not encrypted.',
      none: 'No backup in this folder',
      noneText: 'Choose the folder whose files end in .dblock, .dindex and .dlist.',
    },
    continue: 'Continue this backup',
    continueHint: 'New versions are added to it; nothing is uploaded twice.',
    usedBy: (name: string) =>
      `“${name}” writes to this folder too. Give each backup its own folder.`,
    problem: {
      account: 'Sign in with Microsoft.',
      folder: 'Choose a folder on the drive.',
      path: 'Choose a folder on this computer.',
      continue: 'Say that the backup in this folder shall be continued, or choose another folder.',
      encrypted: 'The backup in this folder is encrypted: turn on encryption in General.',
      plain: 'The backup in this folder is not encrypted: turn off encryption in General.',
      checking: 'Wait until the destination has been looked at.',
      failed: 'The destination could not be reached yet.',
    },
  },

  folderBrowser: {
    title: 'Choose a folder',
    up: 'One level up',
    root: 'Drive',
    empty: 'No folders in here.',
    loading: 'Reading folders…',
    open: (name: string) => `Open ${name}`,
    choose: 'Choose this folder',
  },

  sources: {
    lead: 'What is backed up.',
    folders: 'Folders and files',
    addFolder: 'Add folder',
    manual: 'Path',
    manualHelp: 'A folder or file, as an absolute path.',
    addPath: 'Add path',
    none: 'Nothing is chosen yet.',
    remove: (path: string) => `Remove ${path}`,
    already: 'It is in the list already.',
    filters: 'Filter rules',
    filtersText: 'Read from top to bottom; the first rule that matches decides.',
    noFilters: 'No rules: everything in the chosen folders is backed up.',
    addRule: 'Add rule',
    include: 'Include',
    exclude: 'Exclude',
    ruleKind: (position: number) => `Rule ${position}: what to do`,
    ruleExpression: (position: number) => `Rule ${position}: expression`,
    rulePlaceholder: '*.tmp, */node_modules/, [regular expression]',
    moveUp: (position: number) => `Move rule ${position} up`,
    moveDown: (position: number) => `Move rule ${position} down`,
    removeRule: (position: number) => `Remove rule ${position}`,
    problem: {
      none: 'Choose at least one folder or file.',
      rule: (position: number) => `Rule ${position} is empty.`,
    },
  },

  schedule: {
    lead: 'When it runs by itself.',
    automatic: 'Run automatically',
    automaticText: 'A run that was missed starts as soon as the computer is awake again.',
    byHand: 'It runs only when you press “Back up now”.',
    firstDate: 'First run: date',
    firstTime: 'Time',
    every: 'Run again every',
    unit: 'Unit',
    units: {
      hours: 'hours',
      days: 'days',
      weeks: 'weeks',
      months: 'months',
    } satisfies Record<ScheduleUnit, string>,
    unitOne: {
      hours: 'hour',
      days: 'day',
      weeks: 'week',
      months: 'month',
    } satisfies Record<ScheduleUnit, string>,
    days: 'Allowed days',
    dayNames: {
      monday: 'Monday',
      tuesday: 'Tuesday',
      wednesday: 'Wednesday',
      thursday: 'Thursday',
      friday: 'Friday',
      saturday: 'Saturday',
      sunday: 'Sunday',
    } satisfies Record<Weekday, string>,
    summary: (every: number, unit: string, days: string, first: string) =>
      `Runs every ${every === 1 ? '' : `${every} `}${unit}${days}, first ${first}.`,
    onDays: (days: string) => ` on ${days}`,
    problem: {
      date: 'Say on which date it runs first (YYYY-MM-DD).',
      time: 'Say at what time it runs first (HH:MM).',
      every: 'The interval is a whole number from 1 to 999.',
      days: 'Allow at least one day.',
    },
  },

  options: {
    lead: 'Good as they are for nearly everybody.',
    volume: 'Volume size',
    volumeUnit: 'MiB',
    volumeHelp:
      'Size of the files at the destination. Larger means fewer files; smaller means less to repeat after a broken connection.',
    block: 'Block size',
    blockHelp:
      'Files are split into blocks of this size, and each block is stored once. Fixed for the life of a backup.',
    blockFixed: (size: string) => `${size}, fixed for the life of this backup.`,
    blockOfBackup: 'As the backup that is continued has it.',
    prefixOfBackup: (prefix: string) => `${prefix}, as the backup that is continued has it.`,
    prefix: 'Prefix',
    prefixHelp: 'Names of all files at the destination start with it.',
    keep: 'Versions',
    keepWays: {
      all: { label: 'Keep all versions', text: 'Nothing is ever deleted.' },
      smart: {
        label: 'Smart',
        text: 'One for each day of the last week, each week of the last four, each month of the last year. Older ones are deleted.',
      },
      versions: {
        label: 'Keep the newest',
        text: 'This many; older ones are deleted after each successful run.',
      },
      time: {
        label: 'Keep for a time',
        text: 'Versions older than this are deleted after each successful run.',
      },
      policy: {
        label: 'Own rule',
        text: 'Time frames and what is kept in each, as in Duplicati: 7D:1D,4W:1W keeps one a day for a week, one a week for four.',
      },
    },
    keepCount: 'Number of versions to keep',
    keepSpan: 'How long versions are kept',
    keepUnit: 'Unit of the time',
    keepUnits: { D: 'days', W: 'weeks', M: 'months', Y: 'years' },
    keepPolicy: 'Retention policy',
    alwaysRead: 'Always read',
    alwaysReadHelp:
      'Files that change without a new date, such as encrypted containers. One pattern a line; each run reads them whole.',
    problem: {
      volume: 'The volume size is a whole number from 1 to 2,000 MiB.',
      prefix: 'The prefix is made of letters, digits, underscores and dots.',
      keep: 'The number of versions to keep is a whole number of at least 1.',
      span: 'Say how long versions are kept: a whole number of at least 1.',
      policy: 'A rule is made of time frames with an interval each, such as 7D:1D,4W:1W.',
      block: 'The block size must be smaller than the volume size.',
    },
  },

  restore,

  history: {
    title: (name: string) => `Runs of “${name}”`,
    none: 'It has not run yet.',
    runs: 'Runs',
    older: 'Show older runs',
    report: 'Report',
    messages: 'Messages',
    noMessages: 'No file needed a mention.',
    operation: {
      backup: 'Backup',
      restore: 'Restore',
      delete: 'Deletion',
      compact: 'Freeing space',
      verify: 'Check',
      repair: 'Repair',
    } satisfies Record<Operation, string>,
    level: { info: 'Note', warning: 'Warning', error: 'Error' },
    counts: {
      examined: 'Files',
      size: 'Size',
      added: 'New',
      changed: 'Changed',
      deleted: 'Deleted',
      restored: 'Restored',
      failed: 'Failed',
      missing: 'Sources not found',
      uploaded: 'Sent',
      downloaded: 'Received',
      volumes: 'Volumes sent',
      versions: 'Old versions deleted',
      duration: 'Duration',
    },
  },

  settings: {
    title: 'Settings',
    accounts: 'Accounts',
    expires: (iso: string) =>
      `This AuthID ends on ${day(iso)} and cannot be renewed by itself. Sign in again before that.`,
    accountsText: 'Sign-ins are kept in this computer’s keychain, nowhere else.',
    noAccounts: 'No account yet.',
    addAccount: 'Add account',
    added: (iso: string) => `added ${day(iso)}`,
    removeAccount: (name: string) => `Remove ${name}`,
    nameless: 'OneDrive account',
    removeTitle: (name: string) => `Remove ${name}?`,
    removeText: 'The sign-in is deleted from the keychain. Nothing on the drive is touched.',
    removeConfirm: 'Remove account',
    needsSignIn: 'Needs a new sign-in',
    signIn: {
      title: 'Other ways to sign in',
      oauthUrl: 'AuthID service',
      oauthUrlHelp:
        'Refresh address of an AuthID service of your own. Leave empty for Duplicati’s.',
      clientId: 'Client id',
      clientIdHelp:
        'Of an app that you registered at Microsoft as a public client with the redirect address http://localhost. With it you can sign in at Microsoft without a service between.',
      tenant: 'Tenant',
      tenantHelp:
        'Which accounts the app is for: common, consumers, organizations, or a tenant’s id or domain.',
      allFiles: 'Drives of others, too',
      allFilesHelp:
        'Asks for shared drives and libraries when signing in directly. Some organizations have an administrator approve this.',
      save: 'Save',
      saved: 'Saved. New sign-ins use it.',
    },
    bandwidth: {
      title: 'Bandwidth',
      text: 'What backups and restores may use of the connection to OneDrive, all together. A change holds at once.',
      upload: 'Upload limit (KB/s)',
      download: 'Download limit (KB/s)',
      none: 'No limit',
    },
    appearance: 'Appearance',
    theme: 'Theme',
    themes: { system: 'As the system', light: 'Light', dark: 'Dark' },
    about: 'About',
    aboutText: 'Encrypted, versioned backups in Duplicati’s volume format.',
  },
};
