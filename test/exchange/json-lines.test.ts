/** JSON lines that are exported: read by `JSON.parse`, and taken back as events. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  ScanError,
  decodeEvent,
  defineSchema,
  encodeEvent,
  eventSchema,
  eventToJson,
  exportLog,
  fileSource,
  jsonLines,
  jsonLinesFile,
  jsonToEvent,
  type EventSchema,
} from '../../src/index.js';
import {
  besideLog,
  drawEvents,
  exportPool,
  importedLog,
  logOf,
  recordsOf,
} from '../support/exported-logs.js';
import { EVERY_TYPE } from '../support/every-type.js';
import { Flatc } from '../support/flatc.js';
import { rejectionOf } from '../support/logs.js';
import { drawTable } from '../support/random-tables.js';

const SEED = Number(process.env['STRATALOG_SEED'] ?? Date.now() % 2 ** 31);

let flatc: Flatc;
beforeAll(async () => {
  flatc = await Flatc.start();
});

type Settings = Partial<Omit<Parameters<typeof exportLog>[2], 'format'>>;

async function exported(log: string, settings: Settings = {}): Promise<string> {
  const path = besideLog(log, 'out.jsonl');
  const format = jsonLinesFile();
  await exportLog(log, path, { pool: exportPool(), replace: true, ...settings, format });
  return path;
}

async function exportedLines(log: string, settings: Settings = {}): Promise<string[]> {
  const lines = readFileSync(await exported(log, settings), 'utf8').split('\n');
  expect(lines.pop()).toBe('');
  return lines;
}

describe('jsonLinesFile()', () => {
  it('writes lines that JSON.parse takes, and that mean the events, of any schema', async () => {
    await fc.assert(
      fc.asyncProperty(fc.gen(), async (draw) => {
        const { schema, events } = drawEvents(flatc, draw);
        const lines = await exportedLines(await logOf(schema, events));
        expect(lines).toHaveLength(events.length);
        for (const [i, line] of lines.entries()) {
          expect(typeof JSON.parse(line)).toBe('object');
          const event = events[i] as Uint8Array;
          const meant = jsonToEvent(schema, eventToJson(schema, event));
          const again = encodeEvent(schema, jsonToEvent(schema, line));
          expect(decodeEvent(schema, again)).toEqual(
            decodeEvent(schema, encodeEvent(schema, meant)),
          );
          expect(decodeEvent(schema, again)).toEqual(decodeEvent(schema, event));
        }
      }),
      { numRuns: 40, seed: SEED },
    );
  });

  it('writes a file that our own capture makes an equal log of, whatever the values', async () => {
    await fc.assert(
      fc.asyncProperty(fc.gen(), async (draw) => {
        const { schema, events } = drawTable(draw);
        const encoded = events.map((event) => encodeEvent(schema, event));
        const path = await exported(await logOf(schema, encoded));
        const source = fileSource(path, { format: jsonLines() });
        const { log, report } = await importedLog(source, schema);
        expect(report.rejected).toBe(0);
        expect(recordsOf(log).map(({ payload }) => payload)).toEqual(encoded);
      }),
      { numRuns: 40, seed: SEED },
    );
  });

  it('writes every type in every place as eventToJson does, in meaning', async () => {
    const schema = eventSchema(flatc.schema(EVERY_TYPE));
    const events = [
      {},
      { any_type: 'word', any: 'x', many_type: ['Leaf', 'word'], many: [{ text: 'a' }, 'b'] },
      { point: { x: 1, y: NaN }, u8s: [1, 2], i64s: [-(2n ** 63n)], names: ['', '\uFFFD'] },
      {
        huge: 'Largest',
        rights: 'Read Run',
        colour: -1,
        maybe: 0,
        f32: 0.1,
        f64: -0,
        leaves: [{}],
      },
    ].map((event) => encodeEvent(schema, event));
    const lines = await exportedLines(await logOf(schema, events));
    for (const [i, line] of lines.entries()) {
      const again = encodeEvent(schema, jsonToEvent(schema, line));
      expect(decodeEvent(schema, again)).toEqual(decodeEvent(schema, events[i] as Uint8Array));
    }
  });

  it('writes named fields by their paths, with null for what is missing', async () => {
    const bfbs = flatc.schema(`
      struct At { x:int; y:short; } table One { a:int; s:string; } table Two { b:float; }
      union Body { One, Two } table T { n:long; at:At; body:Body; xs:[float]; } root_type T;`);
    const events = [
      '{"n":9223372036854775807,"at":{"x":1,"y":2},"body_type":"One","body":{"a":5,"s":"ü\\n"},"xs":[0.1]}',
      '{"n":-9223372036854775808,"body_type":"Two","body":{"b":0.1}}',
    ].map((json) => flatc.encode(bfbs, json));
    const log = await logOf(eventSchema(bfbs), events);
    const fields = ['$offset', 'n', 'at.y', 'body_type', 'body.One.s', 'body.Two.b', 'xs'];
    expect(await exportedLines(log, { fields })).toEqual([
      '{"$offset":0,"n":9223372036854775807,"at.y":2,"body_type":"One","body.One.s":"ü\\n","body.Two.b":null,"xs":[0.1]}',
      '{"$offset":1,"n":-9223372036854775808,"at.y":null,"body_type":"Two","body.One.s":null,"body.Two.b":0.1,"xs":null}',
    ]);
  });

  it('writes an object for events without fields', async () => {
    const bfbs = flatc.schema('table T { gone:int (deprecated); } root_type T;');
    const log = await logOf(eventSchema(bfbs), [
      flatc.encode(bfbs, '{}'),
      flatc.encode(bfbs, '{}'),
    ]);
    expect(await exportedLines(log)).toEqual(['{}', '{}']);
  });

  it('refuses a field that is named twice, and none at all', async () => {
    const schema = defineSchema('t.N', [{ name: 'n', type: 'int' }]);
    const log = await logOf(schema, []);
    for (const fields of [['n', 'n'], [], ['m']]) {
      expect(await rejectionOf(exported(log, { fields }))).toBeInstanceOf(TypeError);
    }
  });

  it('says which event has a string that is not UTF-8, also within other values', async () => {
    const flat = defineSchema('T', [{ name: 's', type: 'string' }]);
    const fbs = 'table Inner { s:string; } table T { s:string; inner:Inner; } root_type T;';
    const nested = eventSchema(flatc.schema(fbs));
    const cases: readonly (readonly [EventSchema, object])[] = [
      [flat, { s: 'grün' }],
      [nested, { inner: { s: 'grün' } }],
    ];
    for (const [schema, event] of cases) {
      const good = encodeEvent(schema, event);
      const bad = Uint8Array.from(good);
      bad[Buffer.from(bad).indexOf('grün') + 2] = 0xff;
      const replaced = encodeEvent(schema, { s: '\uFFFD' });
      const events = [...Array.from({ length: 300 }, () => good), replaced, bad, good];
      const error = await rejectionOf(exported(await logOf(schema, events)));
      expect(error).toBeInstanceOf(ScanError);
      expect((error as ScanError).offset).toBe(301);
      expect((error as ScanError).message).toMatch(/not UTF-8/);
    }
  });
});
