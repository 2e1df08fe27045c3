import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openAppender, openEventAppender, openEventReader, verifyLog } from '../../src/index.js';
import { listSchemaFiles } from '../../src/events/schema-file.js';
import { finished, framed, runCli, startCli } from '../support/cli.js';
import { ReadingSchemas } from '../support/event-schemas.js';
import { Flatc } from '../support/flatc.js';
import { temporaryLogPath } from '../support/temporary-log.js';

let schemas: ReadingSchemas;
beforeAll(async () => {
  schemas = new ReadingSchemas(await Flatc.start());
});

type Version = 'v1' | 'v2' | 'other';

/** The schema as a file beside the log. */
function schemaFile(path: string, version: Version): string {
  const file = `${path}.${version}.bfbs`;
  writeFileSync(file, schemas[version].bytes);
  return file;
}

async function madeLog(...units: readonly string[]): Promise<string> {
  const path = temporaryLogPath();
  const appender = openEventAppender(path, { schema: schemas.v1 });
  for (const [sensor, unit] of units.entries())
    appender.append({ sensor, value: sensor / 2, unit });
  await appender.close();
  return path;
}

/** A record that is no event, behind those that are. */
async function spoil(path: string): Promise<void> {
  const appender = openAppender(path);
  appender.append(Buffer.from('not an event at all'));
  await appender.close();
}

function lines(output: Buffer): string[] {
  return output.toString().split('\n').slice(0, -1);
}

const FIRST = { sensor: 0, value: 0, unit: 'K' };

describe('cat', () => {
  it('prints events as JSON without being told', async () => {
    const path = await madeLog('K', 'é\n');
    const { code, stdout } = await runCli(['cat', path]);
    expect(code).toBe(0);
    const events = lines(stdout).map((line) => JSON.parse(line) as unknown);
    expect(events).toEqual([FIRST, { sensor: 1, value: 0.5, unit: 'é\n' }]);
  });

  it('has offsets and times with events, and events with --json', async () => {
    const path = await madeLog('K');
    const withOffsets = await runCli(['cat', '--offsets', '--times', path]);
    expect(lines(withOffsets.stdout)[0]).toMatch(/^0\t\S+Z\t\{.*\}$/);
    const { stdout } = await runCli(['cat', '--json', path]);
    expect(JSON.parse(stdout.toString())).toEqual({
      offset: 0,
      time: expect.stringMatching(/Z$/) as string,
      event: FIRST,
    });
  });

  it('prints the bytes if told to', async () => {
    const path = await madeLog('K');
    const reader = openEventReader(path);
    const payload = Buffer.from(reader.get(0).record.copyPayload());
    reader.close();
    const raw = await runCli(['cat', '--format', 'raw', path]);
    expect(raw.stdout.equals(payload)).toBe(true);
    const hex = await runCli(['cat', '--format', 'hex', path]);
    expect(lines(hex.stdout)).toEqual([payload.toString('hex')]);
    const length = await runCli(['cat', '--framing', 'length', path]);
    expect(length.stdout.equals(framed([payload]))).toBe(true);
  });

  it('says where a record is no event, with exit code 2, after what comes before', async () => {
    const path = await madeLog('K');
    await spoil(path);
    const { code, stdout, stderr } = await runCli(['cat', path]);
    expect(code).toBe(2);
    expect(lines(stdout)).toHaveLength(1);
    expect(stderr).toMatch(/^stratalog: Record 1 is no t\.Reading: .*'--format hex' shows/);
  });

  it('prints records also if the schema is damaged, but not as events', async () => {
    const path = await madeLog('K');
    const [file] = listSchemaFiles(path);
    truncateSync(join(path, file?.name as string), 40);
    const { code, stderr } = await runCli(['cat', path]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(file?.name as string) as string]);
    expect((await runCli(['cat', '--format', 'hex', path])).code).toBe(0);
  });

  it('has no events of a log without a schema', async () => {
    const path = temporaryLogPath();
    const appender = openAppender(path);
    appender.append(Buffer.from('text'));
    await appender.close();
    expect((await runCli(['cat', path])).stdout.toString()).toBe('text\n');
    const { code, stderr } = await runCli(['cat', '--format', 'events', path]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('the log has no schema') as string]);
  });
});

describe('tail', () => {
  it('prints events as JSON, and those that come', async () => {
    const path = await madeLog('K');
    const appender = openEventAppender(path, { schema: schemas.v1 });
    const child = startCli(['tail', '-f', '--until-close', path]);
    child.stdout.once('data', () => {
      appender.append({ sensor: 9 });
      void appender.close();
    });
    const { code, stdout } = await finished(child);
    expect(code).toBe(0);
    const events = lines(stdout).map((line) => JSON.parse(line) as unknown);
    expect(events).toEqual([FIRST, { sensor: 9, value: 0 }]);
  });
});

describe('info', () => {
  it('names root table, schema file and the number of versions', async () => {
    const path = await madeLog('K');
    await openEventAppender(path, { schema: schemas.v2 }).close();
    const { stdout } = await runCli(['info', path]);
    expect(stdout.toString()).toMatch(/^events +t\.Reading$/m);
    expect(stdout.toString()).toMatch(
      /^schema +\S+schema-2-[0-9a-f]{8}\.bfbs, the newest of 2 versions$/m,
    );
    const { schema } = JSON.parse((await runCli(['info', '--json', path])).stdout.toString()) as {
      schema: { path: string };
    };
    expect(schema).toMatchObject({ root: 't.Reading', version: 2, versions: 2 });
    expect(readFileSync(schema.path).equals(schemas.v2.bytes)).toBe(true);
  });

  it('names a damaged schema file among the damage', async () => {
    const path = await madeLog('K');
    const [file] = listSchemaFiles(path);
    truncateSync(join(path, file?.name as string), 40);
    const { code, stdout } = await runCli(['info', path]);
    expect(code).toBe(2);
    expect(stdout.toString()).toMatch(/^damage .*schema-1-.*expected content with the CRC/m);
  });
});

describe('verify', () => {
  it('checks schema files, and events if asked', async () => {
    const path = await madeLog('K', 'm');
    const plain = await runCli(['verify', path]);
    expect([plain.code, lines(plain.stdout)[0]]).toEqual([0, 't.Reading in 1 schema version']);
    const { code, stdout } = await runCli(['verify', '--events', path]);
    expect([code, lines(stdout)[0]]).toEqual([
      0,
      't.Reading in 1 schema version: 2 events, 0 malformed',
    ]);
  });

  it('finds records that are no events, of which checksums know nothing', async () => {
    const path = await madeLog('K');
    await spoil(path);
    expect((await runCli(['verify', path])).code).toBe(0);
    const { code, stdout } = await runCli(['verify', '--events', path]);
    expect(code).toBe(2);
    expect(lines(stdout)[0]).toMatch(/^damage at offset 1, no t\.Reading: .+ at byte \d+$/);
    const json = await runCli(['verify', '--events', '--json', path]);
    const { schema } = JSON.parse(json.stdout.toString()) as { schema: object };
    expect(schema).toMatchObject({ isIntact: false, events: 2, malformed: 1 });
  });

  it('finds damaged schema files', async () => {
    const path = await madeLog('K');
    const [file] = listSchemaFiles(path);
    truncateSync(join(path, file?.name as string), 40);
    const { code, stdout } = await runCli(['verify', path]);
    expect(code).toBe(2);
    expect(lines(stdout)[0]).toMatch(/^damage in .*schema-1-.*: expected content with the CRC/);
  });

  it('finds versions that may not follow one another', async () => {
    const path = await madeLog('K');
    const other = temporaryLogPath();
    await openEventAppender(other, { schema: schemas.other }).close();
    const [file] = listSchemaFiles(other);
    const name = String(file?.name).replace('schema-1', 'schema-2');
    writeFileSync(join(path, name), schemas.other.bytes);
    const { code, stdout } = await runCli(['verify', path]);
    expect(code).toBe(2);
    expect(lines(stdout)[0]).toContain('t.Reading.value: was float64, is float32');
  });
});

describe('append', () => {
  it('makes a log of events from lines of JSON, and goes on without being told', async () => {
    const path = temporaryLogPath();
    const schema = schemaFile(path, 'v1');
    const input = '{"sensor": 1, "unit": "K"}\n\n{"sensor": 2, "value": 1e3}\n';
    expect((await runCli(['append', '--schema', schema, path], input)).code).toBe(0);
    expect((await runCli(['append', path], '{"sensor": 3}')).code).toBe(0);
    const reader = openEventReader(path);
    const events = Array.from(reader.cursor(), (each) => each.toObject());
    expect(events).toEqual([
      { sensor: 1, value: 0, unit: 'K' },
      { sensor: 2, value: 1000 },
      { sensor: 3, value: 0 },
    ]);
    reader.close();
    expect(verifyLog(path).isIntact).toBe(true);
  });

  it('takes what cat has printed, with 64-bit integers in full', async () => {
    const path = await madeLog('K', 'm');
    const { stdout } = await runCli(['cat', path]);
    const copy = temporaryLogPath();
    await runCli(['append', '--schema', schemaFile(copy, 'v1'), copy], stdout);
    expect((await runCli(['cat', copy])).stdout.equals(stdout)).toBe(true);
  });

  it.each([
    ['{"sensor": -1}', /Line 2 of the input: .*sensor/],
    ['{"sensr": 1}', /Line 2 of the input: .*sensr/],
    ['{"sensor": ', /Line 2 of the input: /],
  ])('refuses the line %s by its number, and keeps what came before', async (line, message) => {
    const path = temporaryLogPath();
    const args = ['append', '--schema', schemaFile(path, 'v1'), path];
    const { code, stderr } = await runCli(args, `{"sensor": 7}\n${line}\n{"sensor": 8}\n`);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    const reader = openEventReader(path);
    expect(Array.from(reader.cursor(), (each) => each.event['sensor'])).toEqual([7]);
    reader.close();
  });

  it('takes FlatBuffers with length framing, and checks them', async () => {
    const path = temporaryLogPath();
    const event = schemas.bytes(schemas.v1, { sensor: 5 });
    const args = ['append', '--framing', 'length', '--schema', schemaFile(path, 'v1'), path];
    const { code, stderr } = await runCli(args, framed([event, Buffer.from('no event')]));
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/Record 2 of the input: Malformed event/) as string,
    ]);
    expect(JSON.parse((await runCli(['cat', path])).stdout.toString())).toMatchObject({
      sensor: 5,
    });
  });

  it('changes the schema of a log where that is allowed, and says why where not', async () => {
    const path = await madeLog('K');
    const newer = ['append', '--schema', schemaFile(path, 'v2'), path];
    expect((await runCli(newer, '{"quality": 3}')).code).toBe(0);
    const { stdout } = await runCli(['cat', path]);
    expect(lines(stdout).map((line) => (JSON.parse(line) as { quality: number }).quality)).toEqual([
      9, 3,
    ]);
    const { code, stderr } = await runCli(['append', '--schema', schemaFile(path, 'other'), path]);
    expect(code).toBe(1);
    expect(stderr).toContain('t.Reading.value: was float64, is float32');
  });

  it('wants --schema with --root, and a schema that can be read', async () => {
    const path = temporaryLogPath();
    expect((await runCli(['append', '--root', 'A', path])).stderr).toContain('--root goes with');
    const missing = await runCli(['append', '--schema', `${path}.none`, path]);
    expect([missing.code, missing.stderr]).toEqual([
      1,
      expect.stringContaining('ENOENT') as string,
    ]);
    const file = schemaFile(path, 'v1');
    const root = await runCli(['append', '--schema', file, '--root', 'None', path]);
    expect(root.stderr).toContain('Cannot find table None: the schema has t.Reading');
  });
});
