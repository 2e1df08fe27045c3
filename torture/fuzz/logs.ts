/** A whole small log, one file of which is hostile: opened, read, inspected, verified, repaired. */
import {
  cpSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Reader, RepairReport, Verify } from '../../dist/index.js';
import type { Library } from './library.js';
import { ascii, isDocumented, outcome, u32, type Target } from './target.js';

const RECORDS = 500;
const SEGMENT_BYTES = 16_384;
const PAGE_BYTES = 4096;

/**
 * Byte 0: which file; byte 1: what is done to it besides. Then changes: a position (u16), a number of bytes
 * (u8), and those.
 */
export async function logTargets(library: Library, folder: string): Promise<Target[]> {
  const original = join(folder, 'original');
  await writeLog(library, original);
  return [
    reading(library, original, join(folder, 'reading')),
    repairing(library, original, join(folder, 'repairing')),
  ];
}

async function writeLog({ index }: Library, path: string): Promise<void> {
  const schema = index.defineSchema('Row', [
    { name: 'n', type: 'int' },
    { name: 't', type: 'string' },
  ]);
  const appender = index.openEventAppender(path, {
    schema,
    segmentSizeBytes: SEGMENT_BYTES,
    maintenance: false,
    commit: 'manual',
    flush: 'none',
  });
  for (let n = 0; n < RECORDS; n++) {
    appender.append({ n, t: 'x'.repeat(n % 9) });
    if (n % 7 === 0) appender.commit();
  }
  await appender.close();
}

class Files {
  readonly names: readonly string[];
  readonly #contents: readonly Buffer[];
  readonly #library: Library;

  constructor(library: Library, original: string) {
    this.#library = library;
    this.names = readdirSync(original)
      .sort()
      .filter((name) => statSync(join(original, name)).isFile());
    this.#contents = this.names.map((name) => readFileSync(join(original, name)));
  }

  /** The file that an input is about, and what it makes of it. */
  changed(input: Uint8Array): {
    readonly name: string;
    readonly content: Buffer;
    readonly isMended: boolean;
  } {
    const which = (input[0] ?? 0) % this.names.length;
    const mode = input[1] ?? 0;
    const name = this.names[which] as string;
    let content = Buffer.from(this.#contents[which] as Buffer);
    if ((mode & 8) !== 0)
      Buffer.from(this.#contents[(which + 1) % this.names.length] as Buffer).copy(content);
    for (let at = 2; at + 3 < input.length;) {
      const position = (input[at] as number) | ((input[at + 1] as number) << 8);
      const part = input.subarray(at + 3, at + 3 + ((input[at + 2] as number) & 63));
      if (position + part.length <= content.length) content.set(part, position);
      at += 3 + part.length;
    }
    if ((mode & 1) !== 0) this.#mendHeader(content, name);
    if ((mode & 2) !== 0) this.#mendFrames(content, name);
    if ((mode & 4) !== 0)
      content = content.subarray(
        0,
        (((input[2] ?? 0) << 8) | (input[3] ?? 0)) % (content.length + 1),
      );
    return { name, content, isMended: (mode & 3) !== 0 };
  }

  /** Checksums that fit: of the identity, and of a control page's slots. */
  #mendHeader(content: Buffer, name: string): void {
    const { crc32cBytes } = this.#library.checksum;
    const blockBytes = name.endsWith('.log') ? PAGE_BYTES : 512;
    if (content.length < PAGE_BYTES || name.startsWith('schema')) return;
    content.writeUInt32LE(0, 12);
    content.writeInt32LE(crc32cBytes(content.subarray(0, blockBytes)), 12);
    if (name !== 'control') return;
    for (const at of [512, 1024, 1536])
      content.writeInt32LE(crc32cBytes(content.subarray(at + 4, at + 64)), at);
  }

  #mendFrames(content: Buffer, name: string): void {
    if (!name.endsWith('.log')) return;
    const { checksum, segmentHeader } = this.#library;
    const logId = content.subarray(16, 32).toString('hex');
    const seed = segmentHeader.segmentSeed(logId, Number(name.slice(0, 20)));
    for (let at = PAGE_BYTES; at + 72 <= content.length;) {
      const length = content.readUInt32LE(at);
      if (length < 72 || length % 8 !== 0 || length > content.length - at) return;
      content.writeInt32LE(
        checksum.crc32cBytes(content.subarray(at + 8, at + length), seed),
        at + 4,
      );
      at += length;
    }
  }

  content(name: string): Buffer {
    return this.#contents[this.names.indexOf(name)] as Buffer;
  }
}

const FILES = [
  'format/',
  'read/',
  'recovery/',
  'segment/',
  'control/',
  'events/log-schema',
  'events/schema-file',
];
const WORDS = [
  ...u32(0, 1, 8, 64, 72, 512, 4096, 16_384, 0xffff_ffff, 0x8000_0000, 0x7fff_ffff, 0x0020_0000),
  // Where the words of an index are, and the fields of headers and of a checkpoint.
  ...[
    1024, 1088, 1152, 1216, 32, 40, 48, 52, 516, 520, 528, 536, 544, 552, 556, 4096, 4104, 4112,
    4116,
  ].map((at) => Uint8Array.of(at & 255, at >> 8, 4, 255, 255, 255, 255)),
  ...ascii('FRAM', 'STRATLOG'),
];

/** A few changes for each file. */
function seedsFor(files: number): Uint8Array[] {
  return Array.from({ length: files }, (_, i) => [
    Uint8Array.of(i, 0),
    Uint8Array.of(i, 3, 32, 0, 4, 9, 0, 0, 0),
    Uint8Array.of(i, 3, 0, 16, 4, 80, 0, 0, 0),
    Uint8Array.of(i, 4, 17, 0),
    Uint8Array.of(i, 8, 0, 0),
  ]).flat();
}

function reading(library: Library, original: string, folder: string): Target {
  const { index } = library;
  const files = new Files(library, original);
  cpSync(original, folder, { recursive: true });
  const expected = index.openReader(original);
  const payloads = Array.from({ length: RECORDS }, (_, offset) =>
    hexOf(expected.get(offset).payload),
  );
  expected.close();
  const isRefusal = (error: unknown): boolean => isDocumented(error, index.LogError);

  const read = (reader: Reader, isMended: boolean): string => {
    const { startOffset, boundOffset } = reader;
    if (boundOffset - startOffset > 2 ** 20) return 'many';
    const check = (offset: number, payload: Uint8Array): void => {
      if (isMended || hexOf(payload) === payloads[offset]) return;
      throw new Error(`Record ${offset} is ${hexOf(payload)}, not ${payloads[offset]}`);
    };
    const cursor = reader.cursor();
    let told = `${startOffset}-${boundOffset}`;
    told += outcome(() => {
      let count = 0;
      for (; cursor.next() && count < 4 * RECORDS; count++) check(cursor.offset, cursor.payload);
      return count;
    }, isRefusal);
    told += outcome(() => {
      let count = 0;
      cursor.seek(boundOffset);
      for (; cursor.previous() && count < 4 * RECORDS; count++)
        check(cursor.offset, cursor.payload);
      return count;
    }, isRefusal);
    for (let offset = startOffset; offset < Math.min(boundOffset, RECORDS); offset += 37) {
      told += outcome(() => check(offset, reader.get(offset).payload), isRefusal);
    }
    told += outcome(() => reader.offsetAtTime(0), isRefusal);
    told += outcome(() => JSON.stringify(reader.damage()), isRefusal);
    cursor.close();
    return told;
  };

  return {
    name: 'log-reading',
    files: FILES,
    maxBytes: 128,
    executions: 300,
    seeds: seedsFor(files.names.length),
    words: WORDS,
    run(input) {
      const { name, content, isMended } = files.changed(input);
      const path = join(folder, name);
      writeFileSync(path, content);
      try {
        const verify =
          (['first-touch', 'always', 'never'] as const)[(input[1] ?? 0) >> 6] ?? 'first-touch';
        let told = outcome(() => {
          const reader = index.openReader(folder, { verify: verify satisfies Verify });
          try {
            return read(reader, isMended || verify === 'never');
          } finally {
            reader.close();
          }
        }, isRefusal);
        told += outcome(() => index.verifyLog(folder).damage.length, isRefusal);
        told += outcome(() => index.inspectSchema(folder)?.schema.name, isRefusal);
        return told.replaceAll(folder, '');
      } finally {
        writeFileSync(path, files.content(name));
      }
    },
  };
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

/** Recovery, and repair of what that refuses; what comes out is whole. */
function repairing(library: Library, original: string, folder: string): Target {
  const { index } = library;
  const files = new Files(library, original);
  const isRefusal = (error: unknown): boolean => isDocumented(error, index.LogError);
  const repair = (): string => outcome(() => JSON.stringify(index.repairLog(folder)), isRefusal);
  return {
    name: 'log-repairing',
    files: [...FILES, 'append/'],
    maxBytes: 128,
    executions: 80,
    seeds: seedsFor(files.names.length),
    words: WORDS,
    run(input) {
      const { name, content } = files.changed(input);
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder);
      for (const each of files.names) {
        writeFileSync(join(folder, each), each === name ? content : files.content(each));
      }
      const repaired = repair();
      if (repaired.startsWith('refused')) return 'refused';
      const { damage, isIntact } = index.verifyLog(folder);
      if (!isIntact)
        throw new Error(`Repaired (${repaired}), and damaged: ${JSON.stringify(damage)}`);
      const again = repair();
      if (again.startsWith('refused')) throw new Error(`Repaired (${repaired}), and then ${again}`);
      return `repaired: ${JSON.stringify((JSON.parse(repaired) as RepairReport).lost)}`;
    },
  };
}
