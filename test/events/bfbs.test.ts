import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { SchemaError } from '../../src/index.js';
import { decodeSchema } from '../../src/events/bfbs.js';
import { Flatc } from '../support/flatc.js';
import { drawSchema, toJson } from '../support/random-schemas.js';

let flatc: Flatc;
beforeAll(async () => {
  flatc = await Flatc.start();
});

describe('random schemas', () => {
  it('are understood, and their events by flatc', () => {
    fc.assert(
      fc.property(fc.gen(), (draw) => {
        const { fbs, event, fullEvent } = drawSchema(draw);
        const bfbs = flatc.schema(fbs);
        expect(decodeSchema(bfbs).root?.name).toBe('random.test.Root');
        for (const each of [event(), fullEvent()]) {
          const json = flatc.decode(bfbs, flatc.encode(bfbs, toJson(each)));
          expect(json.length).toBeGreaterThan(0);
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('decodeSchema()', () => {
  it('refuses bytes that are no schema', () => {
    expect(() => decodeSchema(new Uint8Array(100))).toThrow(SchemaError);
    expect(() => decodeSchema(new Uint8Array(3))).toThrow(SchemaError);
  });
});
