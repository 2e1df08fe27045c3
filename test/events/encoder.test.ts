import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { compileEncoder } from '../../src/events/encoder.js';
import { eventSchema } from '../../src/events/schema.js';
import { Flatc } from '../support/flatc.js';
import { drawSchema, toJson } from '../support/random-schemas.js';

let flatc: Flatc;
beforeAll(async () => {
  flatc = await Flatc.start();
});

describe('events of random schemas', () => {
  it('are read by flatc, and mean what its own encoding of them means', () => {
    fc.assert(
      fc.property(fc.gen(), (draw) => {
        const { fbs, event, fullEvent } = drawSchema(draw);
        const bfbs = flatc.schema(fbs);
        const encoder = compileEncoder(eventSchema(bfbs));
        for (const each of [event(), fullEvent(), event()]) {
          const theirs = flatc.decode(bfbs, flatc.encode(bfbs, toJson(each)));
          expect(flatc.decode(bfbs, encoder.encode(each))).toBe(theirs);
        }
      }),
      { numRuns: 100 },
    );
  });
});
