/** Every screen the browser build can open by `?scene=<name>`. */
export const sceneNames = [
  'home-empty',
  'home',
  'home-running',
  'home-error',
  'quick-what',
  'quick-sign-in',
  'quick-where',
  'quick-ready',
  'form-general',
  'form-destination',
  'form-sources',
  'form-schedule',
  'form-options',
  'form-sheet',
  'form-edit',
  'restore',
  'restore-open',
  'restore-files',
  'restore-done',
  'history',
  'settings',
] as const;

export type SceneName = (typeof sceneNames)[number];
