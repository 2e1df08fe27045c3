/** Sources that are written as generators. */
import type { CaptureSource } from './source.js';

/** Between two looks whether it is enough, an iterable that never waits gives so many. */
const EVENTS_PER_TURN = 1024;

export function iterableSource<Event>(
  events: AsyncIterable<Event> | Iterable<Event>,
): CaptureSource<Event> {
  return {
    name: 'iterable',
    async run(intake) {
      let given = 0;
      for await (const event of events) {
        intake.append(event);
        if (intake.isFull) await intake.ready();
        if (++given % EVENTS_PER_TURN === 0) await new Promise(setImmediate);
        if (intake.signal.aborted) return;
      }
    },
  };
}
