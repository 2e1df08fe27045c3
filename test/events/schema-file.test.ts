import {
  existsSync,
  readFileSync,
  readdirSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  CorruptionError,
  SchemaError,
  SchemaMismatchError,
  eventSchema,
  openAppender,
  openEventAppender,
  openReader,
  verifyLog,
  type EventAppender,
  type EventSchema,
} from '../../src/index.js';
import { listSchemaFiles, readLogSchema } from '../../src/events/schema-file.js';
import { decodeApplicationHeader } from '../../src/format/application-header.js';
import { ReadingSchemas } from '../support/event-schemas.js';
import { runFixture } from '../support/fixtures.js';
import { Flatc } from '../support/flatc.js';
import { flipBit } from '../support/log-damage.js';
import { SMALL_SEGMENT_BYTES, fingerprint, thrownBy } from '../support/logs.js';
import { bytes, temporaryLogPath, text } from '../support/temporary-log.js';

const OPTIONS = { segmentSizeBytes: SMALL_SEGMENT_BYTES, maintenance: false } as const;

let flatc: Flatc;
let schemas: ReadingSchemas;
beforeAll(async () => {
  flatc = await Flatc.start();
  schemas = new ReadingSchemas(flatc);
});

async function madeTypedLog(...versions: readonly (keyof ReadingSchemas & `v${number}`)[]) {
  const path = temporaryLogPath();
  for (const version of versions) {
    const schema = schemas[version];
    const appender = openEventAppender(path, { schema, ...OPTIONS });
    appender.appendFlatBuffer(schemas.bytes(schema, { sensor: appender.nextOffset, unit: 'K' }));
    await appender.close();
  }
  expect(verifyLog(path).isIntact).toBe(true);
  return path;
}

function fillTwoSegments(appender: EventAppender): void {
  const event = schemas.bytes(schemas.v1, { unit: 'K' });
  for (let i = 0; i < 2 * (SMALL_SEGMENT_BYTES / event.length); i++) {
    appender.appendFlatBuffer(event);
  }
}

function schemaNames(path: string): string[] {
  return listSchemaFiles(path).map(({ name }) => name);
}

function headersOf(path: string): Uint8Array[] {
  const reader = openReader(path);
  const headers = reader.segments().map(({ header }) => header);
  reader.close();
  return headers;
}

describe('a typed log', () => {
  it('keeps its .bfbs file, byte for byte, and names it in the header of its segments', async () => {
    const path = await madeTypedLog('v1');
    const [name = ''] = schemaNames(path);
    expect(name).toMatch(/^schema-1-[0-9a-f]{8}\.bfbs$/);
    expect(Buffer.compare(readFileSync(join(path, name)), schemas.v1.bytes)).toBe(0);
    expect(headersOf(path).map(text)).toEqual([`{"events":"${name}","root":"t.Reading"}\n`]);
  });

  it("has the user's own header behind that, in segments made later as well", async () => {
    const path = temporaryLogPath();
    const header = bytes('own\n\0bytes');
    let appender = openEventAppender(path, { schema: schemas.v1, header, ...OPTIONS });
    fillTwoSegments(appender);
    await appender.close();
    appender = openEventAppender(path, { schema: schemas.v2, ...OPTIONS });
    fillTwoSegments(appender);
    await appender.close();
    const headers = headersOf(path).map(decodeApplicationHeader);
    expect(headers.length).toBeGreaterThan(2);
    for (const { own } of headers) expect(text(own)).toBe('own\n\0bytes');
    expect(headers[0]?.events?.file.version).toBe(1);
    expect(headers.at(-1)?.events?.file.version).toBe(2);
  });

  it('is opened without a schema by what it remembers', async () => {
    const path = await madeTypedLog('v1', 'v2');
    const appender = openEventAppender(path, OPTIONS);
    expect([...appender.schema.bytes]).toEqual([...schemas.v2.bytes]);
    expect(appender.schema.name).toBe('t.Reading');
    await appender.close();
  });

  it('remembers a root table that its schema does not name', async () => {
    const path = temporaryLogPath();
    const bfbs = flatc.schema('table A { x:int; } table B { y:int; } root_type A;');
    const appender = openEventAppender(path, { schema: eventSchema(bfbs, { root: 'B' }) });
    await appender.close();
    const again = openEventAppender(path);
    expect(again.schema.name).toBe('B');
    await again.close();
  });

  it('stays one when records are appended to it as bytes, whatever their header', async () => {
    const path = await madeTypedLog('v1');
    const appender = openAppender(path, { header: bytes('other'), ...OPTIONS });
    const event = schemas.bytes(schemas.v1, { unit: 'm' });
    while (appender.nextOffset < 500) appender.append(event);
    await appender.close();
    const last = decodeApplicationHeader(headersOf(path).at(-1) as Uint8Array);
    expect(text(last.own)).toBe('other');
    expect(last.events?.root).toBe('t.Reading');
  });

  it('refuses a header that leaves no room for its own line, before anything is written', async () => {
    const path = await madeTypedLog('v1');
    const before = fingerprint(path);
    const header = new Uint8Array(2000);
    expect(() => openEventAppender(path, { schema: schemas.v2, header })).toThrow(RangeError);
    expect(fingerprint(path)).toBe(before);
    await openAppender(path).close();
  });
});

describe('a header that looks like that of a typed log', () => {
  it('is refused for one that is not', () => {
    const header = bytes('{"events":"schema-1-00000000.bfbs","root":"A"}\n');
    expect(() => openAppender(temporaryLogPath(), { header })).toThrow(RangeError);
  });
});

describe('a schema that changes', () => {
  it('becomes the next version, once', async () => {
    const path = await madeTypedLog('v1', 'v2', 'v2', 'v3', 'v3');
    expect(listSchemaFiles(path).map(({ version }) => version)).toEqual([1, 2, 3]);
    const { schema } = readLogSchema(path, headersOf(path)[0] as Uint8Array) ?? {};
    expect([...(schema?.bytes ?? [])]).toEqual([...schemas.v3.bytes]);
  });

  it('leaves the newest as it is when an older program appends', async () => {
    const path = await madeTypedLog('v3', 'v1', 'v2');
    expect(schemaNames(path)).toHaveLength(1);
    const appender = openEventAppender(path, { schema: schemas.v1 });
    expect(appender.schema).toBe(schemas.v1);
    await appender.close();
  });

  it('that FlatBuffers does not allow is refused with what differs, and nothing changes', async () => {
    const path = await madeTypedLog('v1');
    const before = fingerprint(path);
    const error = thrownBy(() => openEventAppender(path, { schema: schemas.other }));
    expect(error).toBeInstanceOf(SchemaMismatchError);
    expect((error as SchemaMismatchError).differences).toEqual([
      't.Reading.value: was float64, is float32',
    ]);
    expect((error as SchemaMismatchError).code).toBe('SCHEMA_MISMATCH');
    expect(fingerprint(path)).toBe(before);
    // The lock has been given back.
    await openEventAppender(path).close();
  });
});

describe('a log without a schema', () => {
  it('is not made one of events', async () => {
    const path = temporaryLogPath();
    const appender = openAppender(path);
    appender.append(bytes('text'));
    await appender.close();
    const before = fingerprint(path);
    const error = thrownBy(() => openEventAppender(path, { schema: schemas.v1 }));
    expect(error).toBeInstanceOf(SchemaMismatchError);
    expect((error as Error).message).toContain('the log was made without a schema');
    expect(fingerprint(path)).toBe(before);
    expect(() => openEventAppender(path)).toThrow(SchemaError);
    await openAppender(path).close();
  });

  it('is not made at all without one', () => {
    const path = temporaryLogPath();
    expect(() => openEventAppender(path)).toThrow('it does not exist');
    expect(existsSync(path)).toBe(false);
  });
});

describe('a schema file', () => {
  it.each([
    ['flipped', (file: string) => flipBit(file, 100)],
    ['cut off', (file: string) => truncateSync(file, 50)],
    ['empty', (file: string) => truncateSync(file, 0)],
    ['longer', (file: string) => writeFileSync(file, 'x', { flag: 'a' })],
  ])('that is %s is damage, and the records can still be read', async (_, damage) => {
    const path = await madeTypedLog('v1');
    const [name = ''] = schemaNames(path);
    damage(join(path, name));
    const error = thrownBy(() => openEventAppender(path)) as CorruptionError;
    expect(error).toBeInstanceOf(CorruptionError);
    expect(error.path).toBe(join(path, name));
    const reader = openReader(path);
    expect(reader.get(0).length).toBeGreaterThan(0);
    reader.close();
  });

  it('that is missing is damage, also if older ones are there', async () => {
    const path = await madeTypedLog('v1');
    const appender = openEventAppender(path, { schema: schemas.v2, ...OPTIONS });
    fillTwoSegments(appender);
    await appender.close();
    unlinkSync(join(path, schemaNames(path).at(-1) as string));
    expect(() => openEventAppender(path)).toThrow(
      /schema-2-.*the schema file that a segment names/,
    );
  });

  it('under a temporary name is none, and is cleared away', async () => {
    const path = await madeTypedLog('v1');
    const leftover = join(path, 'schema-2-00000000.bfbs.tmp');
    writeFileSync(leftover, 'half');
    const appender = openEventAppender(path);
    expect(existsSync(leftover)).toBe(false);
    await appender.close();
  });

  it('with which a directory begins is no reason not to make a log there', async () => {
    const path = await madeTypedLog('v1');
    for (const name of readdirSync(path)) {
      if (!name.endsWith('.bfbs')) unlinkSync(join(path, name));
    }
    const appender = openEventAppender(path, { schema: schemas.other });
    await appender.close();
    expect(schemaNames(path)).toHaveLength(1);
    expect(readdirSync(path).filter((name) => name.endsWith('.log'))).toHaveLength(1);
  });
});

describe('an appender that is killed while it opens', () => {
  const places = (['.bfbs', '.index', '.log'] as const).flatMap((ending) =>
    (['before', 'after'] as const).map((when): [typeof when, string] => [when, ending]),
  );

  async function killedAt(path: string, schema: EventSchema, when: string, ending: string) {
    const bfbs = `${path}.given`;
    writeFileSync(bfbs, schema.bytes);
    const { signal } = await runFixture('die-at-rename', [path, bfbs, when, ending]);
    expect(signal).toBe('SIGKILL');
  }

  it.each(places)('%s the rename to %s leaves a log that can be opened', async (when, ending) => {
    const path = temporaryLogPath();
    await killedAt(path, schemas.other, when, ending);
    const isBegun = when === 'after' && ending === '.log';
    // Until there is a segment, no event can be of the first schema.
    const schema = isBegun ? schemas.other : schemas.v1;
    const appender = openEventAppender(path, { schema, ...OPTIONS });
    appender.appendFlatBuffer(schemas.bytes(schema, { sensor: 1 }));
    await appender.close();
    expect(schemaNames(path)).toHaveLength(1);
    expect(readdirSync(path).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    const again = openEventAppender(path);
    expect([...again.schema.bytes]).toEqual([...schema.bytes]);
    await again.close();
    expect(verifyLog(path).isIntact).toBe(true);
  });

  it.each(['before', 'after'])(
    '%s the rename to a new version leaves the one or the other',
    async (when) => {
      const path = await madeTypedLog('v1');
      await killedAt(path, schemas.v2, when, '.bfbs');
      const appender = openEventAppender(path, OPTIONS);
      const expected = when === 'after' ? schemas.v2 : schemas.v1;
      expect([...appender.schema.bytes]).toEqual([...expected.bytes]);
      await appender.close();
      expect(verifyLog(path)).toMatchObject({ isIntact: true, records: 1 });
    },
  );
});
