import type { Inspection } from './inspection.svelte';
import { isComplete, settingsOf, type Place } from './place';

/** Milliseconds without typing after which the destination is checked automatically. */
const settleTime = 700;

/** Checks a destination while it is typed. To be called while a component is set up. */
export function lookWhenSettled(
  inspection: () => Inspection,
  place: () => Place,
  prefix: () => string,
): void {
  $effect(() => {
    const looking = inspection();
    const destination = settingsOf(place());
    const asked = prefix();
    if (!looking.aim(destination, asked) || !isComplete(place())) return;
    const timer = setTimeout(() => {
      // If the button was pressed in the meantime, a check has finished or is pending.
      if (!looking.busy && looking.check === null) void looking.look(destination, asked);
    }, settleTime);
    return () => clearTimeout(timer);
  });
}
