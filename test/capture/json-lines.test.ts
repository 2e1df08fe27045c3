import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  array,
  assert,
  constantFrom,
  nat,
  oneof,
  property,
  record,
  string,
  type Arbitrary,
} from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  InputError,
  LengthSplitter,
  LineSplitter,
  csvOrJson,
  defineSchema,
  encodeEvent,
  fieldDefinitions,
  flatBuffers,
  jsonLines,
} from '../../src/index.js';
import { framed } from '../support/cli.js';
import { bySlowWay, cutEverywhere, readInput, type ReadInput } from '../support/input-formats.js';

const SCHEMA = defineSchema('t.Row', [
  { name: 'd', type: 'double' },
  { name: 'od', type: 'double', optional: true },
  { name: 'l', type: 'long', optional: true },
  { name: 'ul', type: 'ulong' },
  { name: 'i', type: 'int', optional: true },
  { name: 'f', type: 'float' },
  { name: 'b', type: 'bool', optional: true },
  { name: 's', type: 'string' },
  { name: 'time_ns', type: 'long' },
]);

function typesIn({ schema }: ReadInput): string[] {
  return (fieldDefinitions(schema) ?? []).map(({ name, type }) => `${name}:${type}`);
}

function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
  return 'no error';
}

describe('JSON lines', () => {
  const key = constantFrom(
    '"d"',
    '"od"',
    '"l"',
    '"ul"',
    '"i"',
    '"f"',
    '"b"',
    '"s"',
    '"time_ns"',
    '"d"',
    '"l"',
    '"x"',
    '"\\u0064"',
    'd',
  );
  const value: Arbitrary<string> = oneof(
    constantFrom(
      '0',
      '-0',
      '1',
      '-1',
      '1.5',
      '1e3',
      '1E-3',
      '01',
      '-',
      '+1',
      '.5',
      '5.',
      '5.e1',
      '1e',
      '-01',
      '0.1',
      '123456789012345678',
      '9007199254740993',
      '-9223372036854775808',
      '9223372036854775808',
      '18446744073709551615',
      '18446744073709551616',
      '1e400',
      '3.5e38',
      '2147483648',
      'null',
      'nul',
      'true',
      'false',
      'truefalse',
      'tru',
      '"nan"',
      '"inf"',
      '"12"',
      '"abc"',
      '"é€😀"',
      '"a\\nb"',
      '"\\ud800"',
      '"\t"',
      '""',
      '[]',
      '{}',
      '[1]',
      'NaN',
      ' 1 ',
      '1 2',
    ),
    nat().map(String),
    string({ maxLength: 5 }).map((text) => JSON.stringify(text)),
  );
  const space = constantFrom('', '', '', ' ', '\t', '\r');
  const object = array(record({ key, value, space }), { maxLength: 5 }).map((entries) => {
    const text = entries.map((each) => `${each.space}${each.key}${each.space}:${each.value}`);
    return `{${text.join(',')}}`;
  });

  it('are read as jsonToEvent reads them, whatever they are', () => {
    assert(
      property(
        object,
        space,
        constantFrom('', '', '', '', '}', ',', 'x', '\0'),
        (text, around, behind) => {
          const line = `${around}${text}${behind}${around}`;
          const { events, rejected } = readInput(jsonLines(), line, { own: SCHEMA });
          const expected = bySlowWay(SCHEMA, line);
          if (typeof expected !== 'string') expect(events).toEqual([expected]);
          else {
            expect(events).toEqual([]);
            // Whose message it is, where it is no JSON at all, does not matter.
            if (!expected.includes('no JSON')) expect(rejected[0]?.reason).toBe(expected);
            expect(rejected).toMatchObject([{ line: 1, content: line }]);
          }
        },
      ),
      { numRuns: 5000 },
    );
  });

  it('are the same wherever chunks end', () => {
    const input = '{"d":1.5,"l":9007199254740993}\r\n\n  \n{"s":"é","d":2}\nnonsense\n{"d":3}';
    const whole = readInput(jsonLines(), input, { own: SCHEMA });
    expect(whole.events).toMatchObject([
      { d: 1.5, l: 9_007_199_254_740_993n },
      { s: 'é' },
      { d: 3 },
    ]);
    expect(whole.rejected).toMatchObject([{ line: 5, content: 'nonsense' }]);
    expect(readInput(jsonLines(), input, { own: SCHEMA, cuts: cutEverywhere(input) })).toEqual(
      whole,
    );
  });

  it('do not mix up what one line has and the next has not', () => {
    const lines = [
      '{"od":1,"s":"x","b":true}',
      '{}',
      '{"l":null,"b":null,"i":7}',
      '{"i":8,"od":2}',
    ];
    const { events } = readInput(jsonLines(), lines.join('\n'), { own: SCHEMA });
    expect(events).toEqual(lines.map((line) => bySlowWay(SCHEMA, line)));
  });

  it('have a key that is there twice count once, with its last value', () => {
    const own = defineSchema('t.Pair', [
      { name: 'a', type: 'double', optional: true },
      { name: 'b', type: 'double', optional: true },
    ]);
    const { events } = readInput(jsonLines(), '{"a":1,"b":2}\n{"a":3,"a":4}\n', { own });
    expect(events).toEqual([{ a: 1, b: 2 }, { a: 4 }]);
  });

  it('are rejected with what jsonToEvent says of them, or that they are none', () => {
    const input = '{"d":1,"x":2}\n{"i":2147483648}\n[1]\n\uFFFF\n{"d":1}{"d":2}\n';
    const { rejected } = readInput(jsonLines(), input, { own: SCHEMA });
    expect(rejected.map(({ line, reason }) => `${line}: ${reason}`)).toEqual([
      expect.stringMatching(/^1: Cannot encode x: table t.Row has no such field/),
      expect.stringMatching(/^2: Cannot encode i: expected an integer from -2147483648/),
      expect.stringMatching(/^3: Cannot encode the event: expected an object for table t.Row/),
      expect.stringMatching(/^4: No JSON/),
      expect.stringMatching(/^5: No JSON/),
    ]);
  });

  it('that are too long, or no UTF-8, are rejected one by one', () => {
    const input = Buffer.concat([
      Buffer.from(`{"s":"${'x'.repeat(300)}"}\n{"d":1}\n{"s":"`),
      Buffer.from([0xff]),
      Buffer.from('"}\n{"d":2}\n'),
    ]);
    const { events, rejected } = readInput(jsonLines({ maxLineBytes: 100 }), input, {
      own: SCHEMA,
      cuts: [50, 100, 100, 100],
    });
    expect(events).toMatchObject([{ d: 1 }, { d: 2 }]);
    expect(rejected).toMatchObject([
      { line: 1, reason: 'the line has more than 100 bytes' },
      { line: 3 },
    ]);
  });
});

describe('JSON lines without a schema', () => {
  it('tell it: by what most values of a key are', () => {
    const input =
      '{"n":1,"x":1,"t":"a","b":true,"Größer als":null,"big":9223372036854775807,"huge":1e30}\n{"n":2,"x":1.5,"t":"b"}\n{"n":"three","x":3}\n';
    const found = readInput(jsonLines(), input);
    expect(typesIn(found)).toEqual([
      'n:long',
      'x:double',
      't:string',
      'b:bool',
      'Gro_er_als:string',
      'big:long',
      'huge:double',
    ]);
    expect(found.rejected).toMatchObject([
      { line: 3, reason: expect.stringContaining('n: expected an integer') as string },
    ]);
  });

  it('tell of integers that take all of 64 bits without a sign, and of words beside numbers', () => {
    const input =
      '{"id":9007199254740993,"both":18446744073709551615,"x":"nan","y":"-inf","word":"inf"}\n' +
      '{"id":18446744073709551615,"both":-1,"x":0.5,"y":3,"word":"nan"}\n{"x":"inf","y":"-inf"}\n';
    const found = readInput(jsonLines(), input);
    expect(typesIn(found)).toEqual([
      'id:ulong',
      'both:double',
      'x:double',
      'y:double',
      'word:string',
    ]);
    expect(found.rejected).toEqual([]);
    expect(found.events).toMatchObject([
      { id: 9007199254740993n, both: 2 ** 64, x: NaN, y: -Infinity, word: 'inf' },
      { id: 18446744073709551615n, both: -1, x: 0.5, y: 3, word: 'nan' },
      { x: Infinity, y: -Infinity },
    ]);
  });

  it('take keys that are no identifiers as those that they were made', () => {
    const first = '{"US Gross":1,"a-b":"x"}\n{"a-b":"y\\n"}\n';
    const { schema } = readInput(jsonLines(), first);
    const more = '{"US_Gross":2}\n{"US Gross":1,"US_Gross":2}\n';
    const found = readInput(jsonLines(), first + more, { own: schema });
    expect(found.events).toEqual([{ US_Gross: 1, a_b: 'x' }, { a_b: 'y\n' }, { US_Gross: 2 }]);
    expect(found.rejected).toMatchObject([{ line: 4 }]);
  });

  it('have later keys rejected', () => {
    const long = Array.from({ length: 200_000 }, () => '{"a":1}').join('\n');
    const session = jsonLines().begin(undefined);
    expect(session.wants).toBe('sample');
    expect(fieldDefinitions(session.settle(Buffer.from(long), false) as never)).toHaveLength(1);
  });

  it.each([
    ['', 'The input is empty'],
    ['\n \n', 'The input is empty'],
    ['[{"a":1}]', "jq -c '.[]' makes them of an array"],
    ['a,b\n1,2\n', 'No line of the input is a JSON object: the first is "a,b"; is it JSON lines?'],
    ['{"a":{"b":1}}', 'The value of "a" is an object: what is nested needs a schema'],
    ['{"a":[1]}', 'The value of "a" is an array'],
    ['{"a b":1,"a-b":2}', 'are the same as names of fields'],
    ['{}', 'have no keys'],
  ])('%j is an error', (input, message) => {
    expect(messageOf(() => readInput(jsonLines(), input))).toContain(message);
  });

  it.each([
    'cars.json',
    'penguins.json',
    'seattle-weather.csv',
    'ohlc.json',
    'movies.json',
    'flights-2k.json',
  ])('take the real data of %s, a row a line', (file) => {
    const path = fileURLToPath(
      new URL(`../../node_modules/vega-datasets/data/${file}`, import.meta.url),
    );
    const text = readFileSync(path, 'utf8');
    if (!file.endsWith('.json')) {
      expect(readInput(csvOrJson(), text).rejected).toEqual([]);
      return;
    }
    const rows = JSON.parse(text) as Record<string, unknown>[];
    const lines = rows.map((row) => JSON.stringify(row)).join('\n');
    const { events, rejected } = readInput(csvOrJson(), lines);
    expect(events.length + rejected.length).toBe(rows.length);
    // A few titles of films are numbers.
    expect(rejected.length).toBeLessThan(rows.length / 100);
    for (const { reason } of rejected) expect(reason).toMatch(/expected a string, got \d+$/);
    if (rejected.length > 0) return;
    expect(events.map((event) => Object.values(event))).toEqual(
      rows.map((row) => Object.values(row).filter((each) => each !== null)),
    );
  });
});

describe('FlatBuffers with their lengths', () => {
  const event = (d: number): Uint8Array => encodeEvent(SCHEMA, { d });

  it('are taken, and malformed ones rejected, wherever chunks end', () => {
    const input = framed([event(1), Buffer.from('nonsense'), Buffer.alloc(0), event(2)]);
    const whole = readInput(flatBuffers(), input, { own: SCHEMA });
    expect(whole.events).toMatchObject([{ d: 1 }, { d: 2 }]);
    expect(whole.rejected.map(({ line }) => line)).toEqual([2, 3]);
    expect(readInput(flatBuffers(), input, { own: SCHEMA, cuts: cutEverywhere(input) })).toEqual(
      whole,
    );
  });

  it('end where a length makes no sense, and need a schema', () => {
    const text = Buffer.concat([framed([event(1)]), Buffer.from('text for a length')]);
    expect(messageOf(() => readInput(flatBuffers(), text, { own: SCHEMA }))).toContain(
      'Record 2 of the input has a length prefix of',
    );
    const cut = framed([event(1), event(2)]).subarray(0, -1);
    expect(messageOf(() => readInput(flatBuffers(), cut, { own: SCHEMA }))).toContain(
      'The input ends inside record 2',
    );
    expect(messageOf(() => readInput(flatBuffers(), cut))).toContain('give a schema');
  });

  it('begin anew after a restart', () => {
    const session = flatBuffers().begin(SCHEMA);
    const taken: number[] = [];
    const reasons: string[] = [];
    const reader = session.start({
      maxEventBytes: 1000,
      appendFlatBuffer: (bytes: Uint8Array) => taken.push(bytes.length),
      reject: (reason: string) => reasons.push(reason),
    } as never);
    reader.push(framed([event(1), event(2)]).subarray(0, -3));
    reader.restart();
    reader.push(framed([event(3)]));
    reader.end();
    expect(taken).toHaveLength(2);
    expect(reasons).toEqual([expect.stringContaining('ends inside record 2')]);
  });
});

describe('splitters', () => {
  it('pass over lines that are too long when somebody takes what they begin with', () => {
    const lines: string[] = [];
    const tooLong: string[] = [];
    const splitter = new LineSplitter((line) => lines.push(Buffer.from(line).toString()), {
      maxBytes: 4,
      onTooLong: (beginning) => tooLong.push(Buffer.from(beginning).toString()),
    });
    for (const chunk of ['abcd\nabc', 'de\nxy', 'z\nlonger than\n', 'ends with', ' too much']) {
      splitter.push(Buffer.from(chunk));
    }
    splitter.end();
    expect(lines).toEqual(['abcd', 'xyz']);
    expect(tooLong).toEqual(['abcd', 'long', 'ends']);
  });

  it('refuse them otherwise', () => {
    const splitter = new LineSplitter(() => {}, { maxBytes: 4 });
    expect(messageOf(() => splitter.push(Buffer.from('abcd\nabcdef')))).toBe(
      'Line 2 of the input has more than 4 bytes',
    );
    const records = new LengthSplitter(() => {}, { maxBytes: 4 });
    expect(messageOf(() => records.push(Buffer.from([5, 0, 0, 0])))).toContain(
      'Record 1 of the input has a length prefix of 5 bytes',
    );
  });
});
