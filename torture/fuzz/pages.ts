/** The log's pages and names: headers, the control and readers pages, LOCK, file names, schema lines. */
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Library } from './library.js';
import { ascii, expectSame, isDocumented, outcome, u32, type Target } from './target.js';

const PAGE_BYTES = 4096;
const SECTOR_BYTES = 512;
const LOG_ID = '000102030405060708090a0b0c0d0e0f';
const EXTREMES: readonly Uint8Array[] = [
  ...u32(
    0,
    1,
    4096,
    16_384,
    65_536,
    0x7fff_f000,
    0x8000_0000,
    0xffff_ffff,
    0x0020_0000,
    2048,
    2049,
  ),
];

export function pageTargets(library: Library): Target[] {
  return [
    segmentHeader(library),
    indexHeader(library),
    controlPage(library),
    readersPage(library),
    names(library),
    applicationHeader(library),
  ];
}

/**
 * An input is a byte that says what is mended, and then the bytes of a page up to its last that is not
 * zero: with bit 0 the checksum of the identity fits, with bit 1 those of a control page's slots.
 */
class Page {
  readonly bytes = new Uint8Array(PAGE_BYTES);
  readonly view = new DataView(this.bytes.buffer);
  readonly #library: Library;
  readonly #blockBytes: number;

  constructor(library: Library, blockBytes: number) {
    this.#library = library;
    this.#blockBytes = blockBytes;
  }

  take(input: Uint8Array): number {
    const mode = input[0] ?? 0;
    this.bytes.fill(0);
    this.bytes.set(input.subarray(1, 1 + PAGE_BYTES));
    if ((mode & 2) !== 0) for (const at of [512, 1024, 1536]) this.#seal(at, at + 4, at + 64);
    if ((mode & 1) === 0) return mode;
    this.view.setUint32(12, 0, true);
    this.#seal(12, 0, this.#blockBytes);
    return mode;
  }

  #seal(at: number, from: number, to: number): void {
    const { crc32cBytes } = this.#library.checksum;
    this.view.setInt32(at, crc32cBytes(this.bytes.subarray(from, to)), true);
  }
}

function seedOf(mode: number, page: Uint8Array): Uint8Array {
  const end = page.findLastIndex((byte) => byte !== 0) + 1;
  return Uint8Array.from([mode, ...page.subarray(0, end)]);
}

function segmentHeader(library: Library): Target {
  const { segmentHeader: format, index } = library;
  const page = new Page(library, PAGE_BYTES);
  const encoded = format.encodeSegmentHeader({
    logId: LOG_ID,
    base: 4242,
    previousBase: 4000,
    sizeBytes: 65_536,
    indexCapacity: 1024,
    createdNs: 1_700_000_000_000_000_000n,
    application: Uint8Array.of(1, 2, 3),
  });
  return {
    name: 'segment-header',
    files: ['format/segment-header', 'format/identity'],
    maxBytes: 1 + PAGE_BYTES,
    executions: 40_000,
    seeds: [seedOf(0, encoded), seedOf(1, encoded.subarray(0, 140))],
    words: EXTREMES,
    run(input) {
      page.take(input);
      return outcome(
        () => {
          const header = format.decodeSegmentHeader(page.bytes, 'it');
          if (header.sizeBytes > 2 ** 31 || header.indexCapacity * 8 > header.sizeBytes) {
            throw new Error(`Impossible sizes: ${header.sizeBytes}, ${header.indexCapacity}`);
          }
          const again = format.decodeSegmentHeader(format.encodeSegmentHeader(header), 'it');
          expectSame('Again', plain(again), plain(header));
          format.segmentSeed(header.logId, header.base);
          return plain(header);
        },
        (error) => error instanceof index.LogError,
      );
    },
  };
}

function plain(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === 'bigint' ? `${each}n` : each,
  );
}

function indexHeader(library: Library): Target {
  const { indexHeader: format, index } = library;
  const page = new Page(library, SECTOR_BYTES);
  const expected = { logId: LOG_ID, base: 77, indexCapacity: 1024 };
  return {
    name: 'index-header',
    files: ['format/index-header', 'format/identity'],
    maxBytes: 1 + SECTOR_BYTES,
    executions: 80_000,
    seeds: [
      seedOf(0, format.encodeIndexHeader(expected)),
      seedOf(1, format.encodeIndexHeader(expected)),
    ],
    words: EXTREMES,
    run(input) {
      page.take(input);
      const entry = page.view.getInt32(32, true);
      const position = format.entryPosition(entry);
      if (position < 0 || position >= 2 ** 31 || position % 8 !== 0)
        throw new Error(`Position ${position}`);
      const sector = page.bytes.subarray(0, SECTOR_BYTES);
      return outcome(
        () => {
          format.checkIndexHeader(sector, expected, 'it');
          expectSame('Base', page.view.getBigUint64(32, true), 77n);
          expectSame('Slots', page.view.getUint32(40, true), 1024);
        },
        (error) => error instanceof index.LogError,
      );
    },
  };
}

function controlPage(library: Library): Target {
  const { controlPage: format, index } = library;
  const page = new Page(library, SECTOR_BYTES);
  const first = {
    sequence: 0,
    clean: false,
    startOffset: 0,
    durableOffset: 10,
    segmentBase: 0,
    tailPosition: 4096,
    chainCrc: 7,
    timeNs: 5n,
  };
  const seed = format.encodeControlPage(LOG_ID, 1n, first);
  format.writeCheckpoint(seed, { ...first, sequence: 1, clean: true });
  format.writeSession(seed, {
    bootId: '01234567-89ab-cdef-0123-456789abcdef',
    device: 1n,
    inode: 2n,
  });
  return {
    name: 'control-page',
    files: ['format/control-page', 'format/identity'],
    maxBytes: 1 + 2304,
    executions: 30_000,
    seeds: [seedOf(0, seed), seedOf(3, seed)],
    words: EXTREMES,
    run(input) {
      page.take(input);
      return outcome(
        () => {
          const logId = format.checkControlPage(page.bytes, 'it');
          const session = format.readSession(page.bytes);
          const checkpoint = format.readCheckpoint(page.bytes, 'it');
          const { sequence, startOffset, durableOffset, segmentBase, timeNs, ...rest } = checkpoint;
          for (const offset of [sequence, startOffset, durableOffset, segmentBase]) {
            if (!Number.isSafeInteger(offset) || offset < 0) throw new Error(`Offset ${offset}`);
          }
          const copy = page.bytes.slice();
          format.writeCheckpoint(copy, { ...checkpoint, sequence: sequence + 1 });
          expectSame('Written', format.readCheckpoint(copy, 'it').sequence, sequence + 1);
          if (session !== undefined) {
            format.writeSession(copy, session);
            expectSame('Session', format.readSession(copy)?.inode, session.inode);
          }
          return plain([
            logId,
            session,
            sequence,
            startOffset,
            durableOffset,
            segmentBase,
            timeNs,
            rest,
          ]);
        },
        (error) => error instanceof index.LogError,
      );
    },
  };
}

function readersPage(library: Library): Target {
  const { readersPage: format, index } = library;
  const page = new Page(library, SECTOR_BYTES);
  const seed = format.encodeReadersPage(LOG_ID);
  format.writeSlot(seed, 0, { name: 'tail', pid: 4711, followsFlushed: true, nextOffset: 12 });
  format.writeSlot(seed, 5, { name: 'ä€😀', pid: 1, followsFlushed: false, nextOffset: 2 ** 40 });
  return {
    name: 'readers-page',
    files: ['format/readers-page', 'format/identity'],
    maxBytes: 1 + 1600,
    executions: 30_000,
    seeds: [seedOf(0, seed), seedOf(1, seed)],
    words: EXTREMES,
    run(input) {
      page.take(input);
      return outcome(
        () => {
          format.checkReadersPage(page.bytes, 'it');
          const slots = [0, 1, 5, 8].map((slot) => format.readSlot(page.bytes, slot));
          const copy = new Uint8Array(PAGE_BYTES);
          for (const slot of slots) {
            if (slot.name.includes('\0'))
              throw new Error(`A name with a NUL: ${JSON.stringify(slot)}`);
            format.writeSlot(copy, 0, slot);
            const { name, ...numbers } = format.readSlot(copy, 0);
            expectSame('Again', plain(numbers), plain({ ...slot, name: undefined }));
            // What was no UTF-8 has grown, and may have been cut.
            if (!slot.name.startsWith(name.replace(/\uFFFD+$/, '')))
              throw new Error(`${name} of ${slot.name}`);
          }
          return plain(slots);
        },
        (error) => error instanceof index.LogError,
      );
    },
  };
}

function names({ names: format }: Library): Target {
  return {
    name: 'file-names',
    files: ['format/names'],
    maxBytes: 64,
    executions: 250_000,
    seeds: ascii(
      '00000000000000000042.log',
      '00000000000000001000.index',
      'schema-1-0a1b2c3d.bfbs',
      'control.tmp',
      '09007199254740991000.log',
      '00009007199254740991.log',
      '00009007199254740992.log',
      '..',
    ),
    words: ascii(
      '.log',
      '.index',
      '.bfbs',
      '.tmp',
      'schema-',
      '9007199254740991',
      '\n',
      '/',
      '..',
      '00000000',
    ),
    run(input) {
      const name = Buffer.from(input).toString('latin1');
      const base = format.segmentBaseOf(name);
      if (base !== undefined) expectSame('Segment', format.segmentName(base), name);
      const index = format.indexBaseOf(name);
      if (index !== undefined) expectSame('Index', format.indexName(index), name);
      const schema = format.schemaFileNameOf(name);
      if (schema !== undefined) {
        expectSame('Schema', format.schemaFileName(schema.version, schema.crc).name, name);
      }
      const kinds = [base, index, schema].filter((each) => each !== undefined).length;
      if (kinds > (format.isTemporaryName(name) ? 0 : 1))
        throw new Error(`${name} is of ${kinds} kinds`);
      return `${base} ${index} ${schema?.version}`;
    },
  };
}

function applicationHeader({ applicationHeader: format }: Library): Target {
  const line = '{"events":"schema-1-0a1b2c3d.bfbs","root":"stratalog.ImuSample"}\n';
  return {
    name: 'application-header',
    files: ['format/application-header', 'format/names'],
    maxBytes: 2048,
    executions: 150_000,
    seeds: ascii(line, `${line}and more`, 'just bytes', '{"events":"schema-x","root":1}\n'),
    words: ascii(
      '{"events":"schema-',
      '.bfbs"',
      '"root":',
      '\n',
      '"}',
      '\\u0000',
      '\\n',
      '__proto__',
      'null',
    ),
    run(input) {
      const { events, own } = format.decodeApplicationHeader(input);
      if (events === undefined) {
        expectSame('All of it', own.length, input.length);
        return 'none';
      }
      expectSame('Begins so', format.hasEventsLine(input), true);
      const again = format.decodeApplicationHeader(format.encodeApplicationHeader({ events, own }));
      expectSame('Events', plain(again.events), plain(events));
      expectSame('Own', Buffer.compare(again.own, own), 0);
      return `${events.file.name} ${events.root} ${own.length}`;
    },
  };
}

/** LOCK, whose byte somebody holds: what it says of the holder is for people only. */
export function lockTarget(
  { index }: Library,
  folder: string,
  hold: (fd: number) => boolean,
): Target & { close(): void } {
  const directory = join(folder, 'locked');
  mkdirSync(directory, { recursive: true });
  const path = join(directory, 'LOCK');
  const fd = openSync(path, 'a+');
  if (!hold(fd)) throw new Error(`Cannot lock ${path}`);
  return {
    name: 'lock',
    files: ['mapping/lock', 'read/lock-state'],
    maxBytes: 512,
    executions: 10_000,
    seeds: ascii(
      '{"pid":17,"host":"here","since":"2026-01-31T12:00:00.000Z"}\n',
      '',
      'null',
      '[]',
      '5',
      '{"pid":7,"host":"","since":5}',
    ),
    words: ascii('"pid":', '"host":', '"since":', 'null', '{}', '[]', '\\u001b', '1e999', ',', '"'),
    run(input) {
      writeFileSync(path, input);
      return outcome(
        () => {
          const { isLocked, holder } = index.inspectLock(directory);
          expectSame('Locked', isLocked, true);
          if (holder === undefined) return 'unknown';
          expectSame('pid', typeof holder.pid, 'number');
          expectSame('host', typeof holder.host, 'string');
          expectSame('since', typeof holder.since, 'string');
          return plain(holder);
        },
        (error) => isDocumented(error, index.LogError),
      );
    },
    close: () => closeSync(fd),
  };
}
