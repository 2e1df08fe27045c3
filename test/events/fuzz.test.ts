/**
 * Whatever bytes an event has: it is verified, decoded and printed, or refused by an error that says so.
 * `STRATALOG_FUZZ` sets how many damaged events are tried (20,000 by default), `STRATALOG_SEED` repeats
 * a run's choices.
 */
import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import {
  MalformedEventError,
  SchemaError,
  eventSchema,
  type EventSchema,
} from '../../src/index.js';
import { decodeEvent } from '../../src/events/decode.js';
import { eventToJson, jsonToEvent } from '../../src/events/json.js';
import { verifyEvent } from '../../src/events/verify.js';
import { Flatc } from '../support/flatc.js';
import { Dice, mutated } from '../support/mutations.js';
import { drawSchema, toJson } from '../support/random-schemas.js';

const COUNT = Number(process.env['STRATALOG_FUZZ'] ?? 20_000);
const SEED = Number(process.env['STRATALOG_SEED'] ?? Date.now() % 2 ** 31);

/** Tables in tables, so that distances can lead around in circles. */
const RECURSIVE = `
struct Pair { a:double; b:ubyte; }
union Any { Node, Pair, text:string }
table Node { name:string; left:Node; right:Node; nodes:[Node]; names:[string]; any:Any; many:[Any]; id:long; }
root_type Node;
`;
const RECURSIVE_EVENT = `{
  "name": "root", "left": { "name": "a", "id": 5, "any_type": "text", "any": "x" },
  "right": { "left": { "left": { "left": { "id": 1 } } }, "any_type": "Pair", "any": { "a": 1, "b": 2 } },
  "nodes": [{ "name": "b" }, { "names": ["c", "", "d"] }, { "any_type": "Node", "any": { "id": 7 } }],
  "many_type": ["Node", "text", "Pair"], "many": [{ "name": "e" }, "f", { "a": 3, "b": 4 }]
}`;

interface Sample {
  readonly fbs: string;
  readonly bfbs: Uint8Array;
  readonly schema: EventSchema;
  readonly events: readonly Uint8Array[];
}

let flatc: Flatc;
let samples: readonly Sample[];
beforeAll(async () => {
  flatc = await Flatc.start();
  const drawn = fc.sample(fc.gen(), { numRuns: 40, seed: SEED }).map((draw) => {
    const { fbs, event, fullEvent } = drawSchema(draw);
    return sample(fbs, [event(), event(), fullEvent(), fullEvent()].map(toJson));
  });
  samples = [...drawn, ...Array.from({ length: 10 }, () => sample(RECURSIVE, [RECURSIVE_EVENT]))];
});

function sample(fbs: string, events: readonly string[]): Sample {
  const bfbs = flatc.schema(fbs);
  const encoded = events.map((event) => flatc.encode(bfbs, event));
  return { fbs, bfbs, schema: eventSchema(bfbs), events: encoded };
}

/** Whether it is well; any error but the documented one fails the test. */
function passes(run: () => unknown): boolean {
  try {
    run();
    return true;
  } catch (error) {
    if (error instanceof MalformedEventError) return false;
    throw error;
  }
}

function check({ schema, fbs }: Sample, bytes: Uint8Array): boolean {
  try {
    const isSound = passes(() => verifyEvent(schema, bytes, { identifier: false }));
    const isDecoded = passes(() => decodeEvent(schema, bytes));
    if (isSound && !isDecoded) throw new Error('Verified, but not decoded');
    if (isSound) eventToJson(schema, bytes);
    return isSound;
  } catch (error) {
    const hex = Buffer.from(bytes).toString('hex');
    throw new Error(`Seed ${SEED}: ${hex} of ${fbs}`, { cause: error });
  }
}

it(`damaged events are refused or decoded (${COUNT} of them, seed ${SEED})`, () => {
  const dice = new Dice(SEED);
  let sound = 0;
  for (let i = 0; i < COUNT; i++) {
    const from = samples[i % samples.length] as Sample;
    const event = from.events[dice.below(from.events.length)] as Uint8Array;
    if (check(from, mutated(event, dice))) sound++;
  }
  // Otherwise the damage would be too coarse to show anything.
  expect(sound).toBeGreaterThan(COUNT / 20);
  expect(sound).toBeLessThan(COUNT * 0.9);
});

/**
 * What flatc prints of an event, or why it does not, without what we do not tell or cannot: types of
 * unions that have nothing else; the sign of what is no number, and that of 0, which flatc leaves out
 * where 0 is the default.
 */
function printed({ bfbs }: Sample, bytes: Uint8Array): string {
  try {
    return flatc
      .decode(bfbs, bytes)
      .replaceAll(/ *"(\w+)_type": [^\n]*\n(?! *"\1":)/g, '')
      .replaceAll(/-(?=nan|0\.0\b)/g, '');
  } catch (error) {
    return (error as Error).message;
  }
}

/** What flatc has no text for, and we do: bytes that are not UTF-8, types of unions that nobody knows. */
const NOT_PRINTED = /string contains non-utf8 bytes|unknown enum value/;

it('damaged events that are verified are printed by flatc, and as we do', () => {
  const dice = new Dice(SEED);
  let same = 0;
  for (let i = 0; same < 300; i++) {
    const from = samples[i % samples.length] as Sample;
    const bytes = mutated(from.events[dice.below(from.events.length)] as Uint8Array, dice);
    if (!check(from, bytes)) continue;
    const expected = printed(from, bytes);
    if (NOT_PRINTED.test(expected)) continue;
    const ours = eventToJson(from.schema, bytes);
    const note = `${from.fbs}\n${Buffer.from(bytes).toString('hex')}\n${ours}`;
    expect(printed(from, flatc.encode(from.bfbs, ours)), note).toBe(expected);
    same++;
  }
});

/** `undefined` if it is refused as documented. */
function schemaOf(bfbs: Uint8Array): EventSchema | undefined {
  try {
    return eventSchema(bfbs);
  } catch (error) {
    if (error instanceof SchemaError) return undefined;
    throw error;
  }
}

function isMisuse(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Cannot encode ');
}

it(`damaged schemas are refused, or can be used (${COUNT / 4} of them, seed ${SEED})`, () => {
  const dice = new Dice(SEED);
  let used = 0;
  for (let i = 0; i < COUNT / 4; i++) {
    const from = samples[i % samples.length] as Sample;
    const bfbs = mutated(from.bfbs, dice);
    try {
      const schema = schemaOf(bfbs);
      if (schema === undefined) continue;
      used++;
      const event = from.events[dice.below(from.events.length)] as Uint8Array;
      check({ ...from, schema }, event);
      check({ ...from, schema }, mutated(event, dice));
      jsonToEvent(schema, decodedOr({}, schema, event));
    } catch (error) {
      if (isMisuse(error)) continue;
      const hex = Buffer.from(bfbs).toString('hex');
      throw new Error(`Seed ${SEED}: schema ${hex}`, { cause: error });
    }
  }
  expect(used).toBeGreaterThan(COUNT / 80);
});

function decodedOr(otherwise: object, schema: EventSchema, event: Uint8Array): object {
  let decoded: object = otherwise;
  passes(() => {
    decoded = decodeEvent(schema, event) as object;
  });
  return decoded;
}
