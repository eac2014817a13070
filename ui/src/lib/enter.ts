import type { Attachment } from 'svelte/attachments';

/** Calls `run` when Enter is pressed in a text field, instead of submitting the form around it. */
export function onEnter(run: () => unknown): Attachment<HTMLElement> {
  return (element) => {
    const pressed = (event: KeyboardEvent) => {
      if (event.key !== 'Enter' || !(event.target instanceof HTMLInputElement)) return;
      event.preventDefault();
      void run();
    };
    element.addEventListener('keydown', pressed);
    return () => element.removeEventListener('keydown', pressed);
  };
}
