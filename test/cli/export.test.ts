import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeEvent, eventSchema, openEventReader, type EventSchema } from '../../src/index.js';
import { hasZstd } from '../../src/exchange/zstd.js';
import { finished, runCli, startCli } from '../support/cli.js';
import { besideLog, logOf, recordsOf, verifiedLogPath } from '../support/exported-logs.js';
import {
  allFrames,
  copyOf,
  flipBit,
  segmentFile,
  type FrameOnDisk,
} from '../support/log-damage.js';
import { Flatc } from '../support/flatc.js';

const FBS = `
enum Kind:byte { Idle, Busy }
table Part { n:int; }
table Reading { time_ns:long; kind:Kind; name:string; value:double; parts:[Part]; }
root_type Reading;`;
const FLAT = ['time_ns', 'kind', 'name', 'value'];

let schema: EventSchema;
beforeAll(async () => {
  schema = eventSchema((await Flatc.start()).schema(FBS));
});

interface Reading {
  readonly time_ns: bigint;
  readonly kind: string;
  readonly name?: string;
  readonly value: number;
  readonly parts?: readonly { readonly n: number }[];
}

const READINGS: readonly Reading[] = [
  {
    time_ns: 1_769_817_600_000_000_001n,
    kind: 'Busy',
    name: 'a, "b"',
    value: 0.1,
    parts: [{ n: 1 }],
  },
  { time_ns: 2n, kind: 'Idle', name: '', value: -0, parts: [] },
  { time_ns: -(2n ** 63n), kind: 'Busy', value: NaN },
];

function readingsLog(readings: readonly Reading[] = READINGS): Promise<string> {
  return logOf(
    schema,
    readings.map((each) => encodeEvent(schema, each)),
    { commit: 'each' },
  );
}

/** Nothing beside the log has a name that is not its own. */
function filesBeside(log: string): string[] {
  return readdirSync(dirname(log)).filter((name) => name !== 'log');
}

function payloadsOf(log: string): Buffer[] {
  return recordsOf(log).map(({ payload }) => Buffer.from(payload));
}

describe('export', () => {
  it.each([
    ['x.jsonl', []],
    ['x.arrow', []],
    ['x.feather', ['--enums', 'numbers', '--times', 'integers']],
    ['x.arrows', ['--nested', 'json']],
    ['x.parquet', []],
    ['x.PARQUET', ['--compression', 'gzip', '--row-group-rows', '2', '--nested', 'json']],
    ['x.mcap', []],
    ['x.mcap', ['--chunk-size', '100', '--topic', '/readings']],
  ])(
    'writes %s with %j so that import makes the same events of it again',
    async (name, options) => {
      const log = await readingsLog();
      const file = besideLog(log, name);
      const result = await runCli(['export', log, file, ...options]);
      expect(result).toMatchObject({ code: 0, stdout: Buffer.alloc(0) });
      expect(result.stderr).toMatch(/^stratalog: .*: 3 events, [\d.]+ \w+\n$/);
      expect(filesBeside(log)).toContain(name);

      const again = verifiedLogPath();
      // JSON lines do not say what they are.
      const bfbs = besideLog(again, 'reading.bfbs');
      writeFileSync(bfbs, schema.bytes);
      const given = name.endsWith('.jsonl') ? ['--schema', bfbs] : [];
      expect(await runCli(['import', again, file, ...given])).toMatchObject({ code: 0 });
      const reader = openEventReader(again);
      expect(Buffer.compare(reader.schema.bytes, schema.bytes)).toBe(0);
      reader.close();
      expect(payloadsOf(again)).toEqual(payloadsOf(log));
    },
  );

  it('writes CSV, chosen fields of chosen events, with a line of names or without', async () => {
    const log = await readingsLog();
    const lines = [
      'time_ns,kind,name,value',
      '1769817600000000001,Busy,"a, ""b""",0.1',
      '-9223372036854775808,Busy,,nan',
    ].map((line) => `${line}\r\n`);
    const file = besideLog(log, 'x.csv');
    const chosen = ['--fields', FLAT.join(', '), '--where', 'kind = Busy'];
    expect(await runCli(['export', log, file, ...chosen])).toMatchObject({ code: 0 });
    expect(readFileSync(file, 'utf8')).toBe(lines.join(''));

    const bare = ['--no-header', '--format', 'csv', '--from', '-1'];
    const printed = await runCli(['export', log, '-', ...chosen, ...bare]);
    expect(printed).toMatchObject({ code: 0, stderr: '' });
    expect(String(printed.stdout)).toBe(lines[2]);

    // Its vectors are an error, unless they are to be JSON.
    const all = await runCli(['export', log, besideLog(log, 'y.csv')]);
    expect(all.code).toBe(1);
    expect(all.stderr).toMatch(/Cannot export parts as columns: .*choose nested: 'json'/);
    const json = await runCli(['export', log, '-', '--format', 'csv', '--nested', 'json']);
    expect(String(json.stdout).split('\r\n')[1]).toMatch(/,"\[{""n"":1}\]"$/);
    expect(filesBeside(log)).toEqual(['x.csv']);
  });

  it.each(['arrow-stream', 'arrow', 'parquet', 'mcap', 'json'])(
    'writes %s to standard output as into a file',
    async (format) => {
      const log = await readingsLog();
      const file = besideLog(log, 'file');
      const named = await runCli(['export', log, file, '--format', format]);
      const printed = await runCli(['export', log, '-', '--format', format]);
      expect(printed).toMatchObject({ code: 0, stderr: '' });
      expect(named.code).toBe(0);
      expect(printed.stdout.equals(readFileSync(file))).toBe(true);
    },
  );

  it('writes times of messages from a field, and is an error where it is none', async () => {
    const log = await readingsLog(READINGS.slice(0, 2));
    const file = besideLog(log, 'x.mcap');
    expect(await runCli(['export', log, file, '--time', 'time_ns'])).toMatchObject({ code: 0 });
    const nameless = await runCli(['export', log, besideLog(log, 'y.mcap'), '--time', 'name']);
    expect(nameless).toMatchObject({ code: 1, stdout: Buffer.alloc(0) });
    expect(nameless.stderr).toMatch(/name/);
    const fields = await runCli(['export', log, besideLog(log, 'y.mcap'), '--fields', 'name']);
    expect(fields.code).toBe(1);
    expect(fields.stderr).toMatch(/Cannot choose fields for MCAP/);
    expect(filesBeside(log)).toEqual(['x.mcap']);
  });

  it.each<[string, string[], RegExp]>([
    [
      'x.foo',
      [],
      /Cannot tell what to write to .*x\.foo: its name ends with none of \.csv, .*\.mcap; --format says/,
    ],
    ['-', [], /Cannot tell what to write to -; --format says/],
    ['x.csv', ['--topic', 'a'], /--topic goes with mcap, not with csv/],
    [
      'x.jsonl',
      ['--nested', 'json'],
      /--nested goes with csv, arrow, arrow-stream, parquet, not with json/,
    ],
    ['x.parquet', ['--no-header'], /--no-header goes with csv, not with parquet/],
    ['x.arrow', ['--row-group-rows', '5'], /--row-group-rows goes with parquet, not with arrow/],
    ['x.parquet', ['--row-group-rows', '0'], /Expected a whole number, 1 or more/],
    [
      'x.arrow',
      ['--compression', 'snappy'],
      /Cannot compress arrow with snappy: there are none, zstd/,
    ],
    ['x.csv', ['--compression', 'none'], /--compression goes with arrow, .* not with csv/],
    ['x.csv', ['--fields', 'a,,b'], /Expected names with commas between/],
    ['x.csv', ['--fields', 'nothing'], /Cannot find field nothing/],
  ])(
    'of %s with %j is refused with a sentence, and writes nothing',
    async (name, options, reason) => {
      const log = await readingsLog([]);
      const file = name === '-' ? name : besideLog(log, name);
      const result = await runCli(['export', log, file, ...options]);
      expect(result).toMatchObject({ code: 1, stdout: Buffer.alloc(0) });
      expect(result.stderr).toMatch(reason);
      expect(filesBeside(log)).toEqual([]);
    },
  );

  it.skipIf(hasZstd)('says that this Node.js has no zstd', async () => {
    const log = await readingsLog([]);
    const file = besideLog(log, 'x.parquet');
    const result = await runCli(['export', log, file, '--compression', 'zstd']);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/Cannot use zstd, which Node.js v\S+ does not have/);
  });

  it.runIf(hasZstd).each(['x.parquet', 'x.arrow', 'x.mcap'])(
    'compresses %s with zstd where Node.js has it',
    async (name) => {
      const log = await readingsLog();
      const file = besideLog(log, name);
      const written = await runCli(['export', log, file, '--compression', 'zstd']);
      expect(written).toMatchObject({ code: 0 });
      const again = verifiedLogPath();
      expect(await runCli(['import', again, file])).toMatchObject({ code: 0 });
      expect(payloadsOf(again)).toEqual(payloadsOf(log));
    },
  );

  it('leaves a file that is there as it is, unless it is told to replace it', async () => {
    const log = await readingsLog();
    const file = besideLog(log, 'x.jsonl');
    writeFileSync(file, 'mine');
    const refused = await runCli(['export', log, file]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/Cannot write .*: it exists; --force replaces it/);
    expect(readFileSync(file, 'utf8')).toBe('mine');
    expect(await runCli(['export', log, file, '--force'])).toMatchObject({ code: 0 });
    expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(4);
    const nowhere = await runCli(['export', log, besideLog(log, 'no/x.csv')]);
    expect(nowhere.code).toBe(1);
  });

  it('of a damaged log is not there, or is without what is damaged, and says so', async () => {
    const log = await readingsLog();
    const copy = copyOf(log);
    const { segment, position } = allFrames(copy)[1] as FrameOnDisk;
    flipBit(segmentFile(copy, segment), position + 80);
    const file = besideLog(log, 'x.jsonl');
    const failed = await runCli(['export', copy, file]);
    expect(failed.code).toBe(2);
    expect(failed.stderr).toMatch(/checksum/);
    expect(existsSync(file)).toBe(false);
    const skipped = await runCli(['export', copy, file, '--skip-damage']);
    expect(skipped.code).toBe(2);
    expect(skipped.stderr).toMatch(/: 2 events, .*\n.*checksum/);
    expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(3);
  });

  it('ended by a signal leaves nothing behind, and says so by its exit code', async () => {
    const log = await readingsLog(Array.from({ length: 200_000 }, () => READINGS[0] as Reading));
    const file = besideLog(log, 'x.parquet');
    const child = startCli(['export', log, file, '--workers', '1', '--compression', 'gzip']);
    const result = finished(child);
    // What it writes into is there from the beginning on.
    while (filesBeside(log).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill('SIGINT');
    expect(await result).toMatchObject({ code: 130 });
    expect(filesBeside(log)).toEqual([]);
  });

  it('is over when nobody reads what it prints', async () => {
    const log = await readingsLog(Array.from({ length: 20_000 }, () => READINGS[0] as Reading));
    const child = startCli(['export', log, '-', '--format', 'json']);
    const result = finished(child);
    child.stdout.once('data', () => child.stdout.destroy());
    expect(await result).toMatchObject({ code: 0, stderr: '' });
  });
});
