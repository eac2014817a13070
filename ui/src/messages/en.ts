/** Every text a person reads, in English. */
import type { Operation } from '../bindings/Operation';
import type { Permission } from '../bindings/Permission';
import type { ScheduleUnit } from '../bindings/ScheduleUnit';
import type { Weekday } from '../bindings/Weekday';
import { bytes, count, day, moment, plural } from '../lib/format';
import { passphrase, sheet } from './en-passphrases';
import { quick } from './en-quick';
import { restore } from './en-restore';
import { progress, status } from './en-status';

export const en = {
  app: {
    name: 'Coffer',
    demo: 'Demo',
    demoHint: 'Everything here talks to a simulator. No real account is used.',
    trayUnavailable:
      'No tray on this desktop: closing the window minimizes Coffer to the task bar.',
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
    hint: 'Try again. If the problem persists, restart Coffer.',
  },

  home: {
    level: {
      good: () => 'Everything is backed up.',
      running: (jobs: number) =>
        jobs === 1 ? 'A backup is running.' : `${count(jobs)} backups are running.`,
      bad: (jobs: number) =>
        jobs === 1
          ? 'One backup needs your attention.'
          : `${count(jobs)} backups need your attention.`,
      warning: (jobs: number) =>
        jobs === 1 ? 'One backup has warnings.' : `${count(jobs)} backups have warnings.`,
      waiting: (jobs: number) =>
        jobs === 1 ? 'One backup is waiting.' : `${count(jobs)} backups are waiting.`,
      new: (jobs: number) =>
        jobs === 1 ? 'One backup has not run yet.' : `${count(jobs)} backups have not run yet.`,
      firstOfAll: 'Ready for the first backup.',
    },
    unreadable: (isJob: boolean, name: string) =>
      `This ${isJob ? 'backup' : 'sign-in'} cannot be read${name ? `: “${name}”` : '.'}`,
    unreadableText:
      'It may have been created by a newer version of Coffer. It has been left unchanged and will not run; install the newer version to use it.',
    nextRun: (when: string) => `Next run ${when}.`,
    nothingPlanned: 'Nothing is scheduled. Start a backup whenever you like.',
    nextRunAfter: 'The next run will be scheduled once that is done.',
  },

  empty: {
    title: 'Put your files somewhere safe.',
    lead: 'Coffer keeps encrypted versions of your folders on your own OneDrive. Only you can open them.',
    create: 'Back up this computer',
    createText: 'Choose folders, sign in to OneDrive, and let it run automatically from then on.',
    existing: 'I already have a backup',
    existingText:
      'Made with Coffer or Duplicati, on this computer or another. Browse its versions and restore files.',
    promises: [
      ['Encrypted first', 'Files are encrypted on this computer before anything is sent.'],
      ['Versions kept', 'Go back to any day, for a single file or for everything.'],
      ['No lock-in', 'Backups are stored in Duplicati’s format. Switch whenever you like.'],
    ],
  },

  quick,

  job: {
    backUpNow: 'Back up now',
    restore: 'Restore',
    stop: 'Stop',
    stopping: 'Stopping…',
    menu: (name: string) => `More actions for ${name}`,
    edit: 'Edit',
    history: 'Run history',
    delete: 'Delete',
    signInAgain: 'Sign in again',
    passphraseAgain: 'Enter the passphrase',
    nextRun: 'Next run',
    onlyByHand: 'Manual',
    waitsForYou: 'Waiting for you',
    versions: 'Versions',
    stored: 'Stored',
    free: 'Free space',
    freeOf: (free: number, total: number) => `${bytes(free)} of ${bytes(total)}`,
    recentRuns: (runs: string) => `Recent runs, newest last: ${runs}`,
    openReport: 'View report',
    sheet: 'Recovery sheet',
  },

  /** What a run refused to do, and the user can allow for a single run. */
  allowOnce: {
    newDestination: {
      offer: 'Start a new backup there',
      title: (name: string) => `Start a new backup for “${name}”?`,
      text: 'Everything is uploaded again, and older versions are not recovered. If the backup was moved, or its disk is not connected, cancel and bring it back instead.',
      confirm: 'Start a new backup',
    },
    missingSource: {
      offer: 'Back up anyway',
      title: (name: string) => `Back up “${name}” as it is now?`,
      text: 'A source is unexpectedly empty, or on a different disk. The new version will contain what is there now; older versions keep what was there before. If a disk is just disconnected, cancel and connect it.',
      confirm: 'Back up as it is',
    },
    massDeletion: {
      offer: 'Delete old versions',
      title: (name: string) => `Delete most versions of “${name}”?`,
      text: 'More than half of all versions are older than the retention rule allows, which is unusual: the clock may have jumped. Check the date on this computer. Deleted versions cannot be recovered.',
      confirm: 'Delete versions',
    },
  } satisfies Record<Permission, object>,

  status,

  progress,

  deleteJob: {
    title: (name: string) => `Delete “${name}”?`,
    text: 'This removes the backup from Coffer. Everything already stored at the destination stays there, untouched.',
    keeps:
      'Its passphrase stays in this computer’s keychain. Coffer uses it when you open or continue this backup; Settings can remove it.',
    forget: 'Also remove its passphrase from the keychain',
    forgetWarning:
      'Without the passphrase, no one can open the stored backup. Make sure you have its recovery sheet.',
    confirm: 'Delete backup',
  },

  signInAgain: {
    title: 'Sign in again',
    text: (name: string) => `Sign in again as ${name}. Its backups will resume automatically.`,
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
    problems: 'Before you continue:',
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
    encryptionFixed: 'This cannot be changed once the backup exists.',
    notEncrypted: 'Anyone with access to the destination can read your files.',
    problem: {
      name: 'Enter a name for the backup.',
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
    authIdHelp: 'Sign in with Microsoft to fill this in automatically, or paste an AuthID.',
    signIn: 'Sign in with Microsoft',
    useAuthId: 'Use this AuthID',
    signedIn: (name: string) => `Signed in as ${name}`,
    signedInNameless: 'Signed in',
    waiting: 'Waiting for you to sign in with the browser',
    waitingText:
      'Approve the sign-in on the page that opened. This field is filled in when you are done.',
    noBrowser: 'The browser could not be opened',
    noBrowserText: 'Open this address yourself, on this computer or another:',
    linkInstead: 'No page opened? Use this address:',
    linkLabel: 'Sign-in address',
    cancelSignIn: 'Cancel sign-in',
    otherWays: 'Other options:',
    directly: 'sign in with Microsoft directly',
    or: ' or ',
    withCode: 'use a device code',
    codeText: 'Enter this code on the page below, on this computer or another:',
    codeLabel: 'Code',
    demoAccount: 'Demo',
    driveId: 'Drive ID',
    driveIdHelp: 'Leave empty for the account’s own drive.',
    drives: 'Drives of this account',
    lookingForDrives: 'Searching for drives…',
    free: (bytesFree: number) => `${bytes(bytesFree)} free`,
    ownDrive: 'own drive',
    folderField: 'Folder',
    browse: 'Browse',
    suggest: 'Suggest a new folder',
    path: 'Path',
    choosePath: 'Choose folder',
    test: 'Test',
    testing: 'Checking the destination…',
    content: {
      new: 'New folder',
      newText: 'It does not exist yet. Coffer creates it with the first backup.',
      empty: 'Empty folder',
      emptyText: 'It exists and is empty. Good.',
      otherFiles: 'This folder contains other files',
      otherFilesText: 'Coffer leaves them alone, but a separate folder is easier to manage.',
      backup: 'This folder already contains a backup',
      backupText: (versions: number, newest: string | null) =>
        newest === null
          ? 'It has no complete version yet.'
          : `${plural(versions, 'version')}; newest: ${moment(newest)}.`,
      encrypted: 'It is encrypted, so its passphrase is needed.',
      plain: 'It is not encrypted.',
      none: 'No backup in this folder',
      noneText: 'Choose the folder with the .dblock, .dindex and .dlist files.',
    },
    continue: 'Continue this backup',
    continueHint: 'New versions are added to it, and nothing is uploaded twice.',
    usedBy: (name: string) =>
      `“${name}” writes to this folder too. Give each backup its own folder.`,
    problem: {
      account: 'Sign in with Microsoft.',
      folder: 'Choose a folder on the drive.',
      path: 'Choose a folder on this computer.',
      continue:
        'Confirm that you want to continue the backup in this folder, or choose another one.',
      encrypted: 'The backup in this folder is encrypted. Turn on encryption in General.',
      plain: 'The backup in this folder is not encrypted. Turn off encryption in General.',
      checking: 'Wait for the destination check to finish.',
      failed: 'The destination could not be reached.',
    },
  },

  folderBrowser: {
    title: 'Choose a folder',
    up: 'Up one level',
    root: 'Drive',
    empty: 'No folders here.',
    loading: 'Loading folders…',
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
    none: 'Nothing selected yet.',
    remove: (path: string) => `Remove ${path}`,
    already: 'It is already in the list.',
    filters: 'Filter rules',
    filtersText: 'Applied from top to bottom; the first matching rule wins.',
    noFilters: 'No rules: everything in the chosen folders is backed up.',
    addRule: 'Add rule',
    include: 'Include',
    exclude: 'Exclude',
    ruleKind: (position: number) => `Rule ${position}: action`,
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
    lead: 'When it runs automatically.',
    automatic: 'Run automatically',
    automaticText: 'Missed backups start as soon as the computer wakes up.',
    byHand: 'Runs only when you choose “Back up now”.',
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
      `Every ${every === 1 ? '' : `${every} `}${unit}${days}; first run: ${first}.`,
    onDays: (days: string) => ` on ${days}`,
    problem: {
      date: 'Enter the date of the first run (YYYY-MM-DD).',
      time: 'Enter the time of the first run (HH:MM).',
      every: 'The interval must be a whole number from 1 to 999.',
      days: 'Choose at least one day.',
    },
  },

  options: {
    lead: 'The defaults suit almost everyone.',
    volume: 'Volume size',
    volumeUnit: 'MiB',
    volumeHelp:
      'Size of the files at the destination. Larger means fewer files; smaller means less to resend after a lost connection.',
    block: 'Block size',
    blockHelp:
      'Files are split into blocks of this size, and each block is stored once. This cannot be changed once the backup exists.',
    blockFixed: (size: string) => `${size}. This cannot be changed once the backup exists.`,
    blockOfBackup: 'Set by the existing backup.',
    prefixOfBackup: (prefix: string) => `${prefix}, set by the existing backup.`,
    prefix: 'Prefix',
    prefixHelp: 'The names of all files at the destination start with it.',
    keep: 'Versions',
    keepWays: {
      all: { label: 'Keep all versions', text: 'Nothing is ever deleted.' },
      smart: {
        label: 'Smart',
        text: 'One per day for the last week, one per week for the last four weeks, and one per month for the last year. Older ones are deleted.',
      },
      versions: {
        label: 'Keep the newest',
        text: 'A fixed number; older versions are deleted after each successful run.',
      },
      time: {
        label: 'Keep for a time',
        text: 'Versions older than this are deleted after each successful run.',
      },
      policy: {
        label: 'Custom rule',
        text: 'Time frames and the interval to keep in each, as in Duplicati: 7D:1D,4W:1W keeps one a day for a week, then one a week for four weeks.',
      },
    },
    keepCount: 'Number of versions to keep',
    keepSpan: 'How long versions are kept',
    keepUnit: 'Unit',
    keepUnits: { D: 'days', W: 'weeks', M: 'months', Y: 'years' },
    keepPolicy: 'Retention policy',
    alwaysRead: 'Always read',
    alwaysReadHelp:
      'Files that change without a new date, such as encrypted containers. One pattern per line; every run reads these files in full.',
    problem: {
      volume: 'The volume size must be a whole number from 1 to 2,000 MiB.',
      prefix: 'The prefix can contain letters, digits, underscores and dots.',
      keep: 'The number of versions to keep must be a whole number of at least 1.',
      span: 'How long versions are kept must be a whole number of at least 1.',
      policy: 'A rule is a list of time frames, each with an interval, such as 7D:1D,4W:1W.',
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
    noMessages: 'No warnings or errors.',
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
      `This AuthID expires on ${day(iso)} and cannot be renewed automatically. Sign in again before then.`,
    accountsText: 'Sign-ins are stored in this computer’s keychain and nowhere else.',
    noAccounts: 'No accounts yet.',
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
      oauthUrlHelp: 'Refresh URL of your own AuthID service. Leave empty to use Duplicati’s.',
      clientId: 'Client ID',
      clientIdHelp:
        'For an app that you registered with Microsoft as a public client with the redirect URI http://localhost. With it, you can sign in to Microsoft directly.',
      tenant: 'Tenant',
      tenantHelp:
        'Which accounts the app is for: common, consumers, organizations, or a tenant’s ID or domain.',
      allFiles: 'Include shared drives',
      allFilesHelp:
        'Asks for shared drives and libraries when signing in directly. Some organizations require admin approval.',
      save: 'Save',
      saved: 'Saved. Applies to new sign-ins.',
    },
    bandwidth: {
      title: 'Bandwidth',
      text: 'Total bandwidth for backups and restores to OneDrive. Changes take effect immediately.',
      upload: 'Upload limit (KB/s)',
      download: 'Download limit (KB/s)',
      none: 'No limit',
    },
    appearance: 'Appearance',
    theme: 'Theme',
    themes: { system: 'Match system', light: 'Light', dark: 'Dark' },
    about: 'About',
    aboutText: 'Encrypted, versioned backups in Duplicati’s volume format.',
  },
};
