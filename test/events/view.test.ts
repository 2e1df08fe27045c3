import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { openAppender, openReader } from '../../src/index.js';
import { eventSchema } from '../../src/events/schema.js';
import { compileView } from '../../src/events/view.js';
import { expectTable } from '../support/expect-view.js';
import { Flatc } from '../support/flatc.js';
import { drawSchema, toJson } from '../support/random-schemas.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const RUNS = Number(process.env['FC_NUM_RUNS'] ?? 60);

let flatc: Flatc;
beforeAll(async () => {
  flatc = await Flatc.start();
});

/** The bytes at a position of a larger buffer, everything around filled with one byte. */
function surrounded(bytes: Uint8Array, position: number, filler: number): Uint8Array {
  const around = new Uint8Array(position + bytes.length + 64).fill(filler);
  around.set(bytes, position);
  return around;
}

describe('a view of an event of a random schema', () => {
  it('has the values that flatc has encoded, wherever the event lies', () => {
    fc.assert(
      fc.property(fc.gen(), fc.integer({ min: 0, max: 17 }), (draw, position) => {
        const { fbs, event, fullEvent } = drawSchema(draw);
        const bfbs = flatc.schema(fbs);
        const schema = eventSchema(bfbs);
        const view = new (compileView(schema))();
        for (const each of [event(), fullEvent(), event()]) {
          const bytes = flatc.encode(bfbs, toJson(each));
          const around = surrounded(bytes, position, 0xff);
          view.$read(around, position, bytes.length);
          expectTable(view, schema.root, each);
        }
      }),
      // Shrinking a schema takes minutes, and a gigabyte.
      { numRuns: RUNS, endOnFailure: true },
    );
  });

  it('shows the records of a log where they lie', async () => {
    await fc.assert(
      fc.asyncProperty(fc.gen(), async (draw) => {
        const { fbs, event } = drawSchema(draw);
        const bfbs = flatc.schema(fbs);
        const schema = eventSchema(bfbs);
        const events = Array.from({ length: 5 }, event);
        const path = temporaryLogPath();
        const appender = openAppender(path, { segmentSizeBytes: 16_384, maintenance: false });
        for (const each of events) appender.append(flatc.encode(bfbs, toJson(each)));
        await appender.close();
        const reader = openReader(path);
        const cursor = reader.cursor();
        const view = new (compileView(schema))();
        for (const each of events) {
          expect(cursor.next()).toBe(true);
          expectTable(view.$show(cursor), schema.root, each);
        }
        expectTable(view.$show(reader.get(2)), schema.root, events[2] as (typeof events)[0]);
        reader.close();
      }),
      { numRuns: 10, endOnFailure: true },
    );
  });
});
