import { render, screen } from '@testing-library/svelte';
import axe from 'axe-core';
import { describe, expect, it, vi } from 'vitest';

import { App } from '../lib/app.svelte';
import { sceneNames } from '../platform/browser/scene-names';
import { openScene } from '../platform/browser/scenes';
import Root from './Root.svelte';

/** Color contrast needs a renderer and is measured in a browser instead. */
const rules = { 'color-contrast': { enabled: false } };

describe.each(['light', 'dark'] as const)('in the %s theme', (theme) => {
  it.each(sceneNames)('%s has nothing that axe objects to', async (scene) => {
    const { platform, view } = openScene(scene);
    platform.state.theme = theme;
    const app = await App.start(platform);
    app.view = view;
    render(Root, { app });
    await vi.waitFor(() => expect(screen.getByRole('heading', { level: 1 })).toBeVisible());

    const { violations } = await axe.run(document.body, { rules });

    expect(document.documentElement.dataset.theme).toBe(theme);
    expect(violations.map(({ id, nodes }) => [id, nodes[0]?.html])).toEqual([]);
  });
});
