/** What topics an MCAP file has: by its summary, or, where it has none, by all of its channels. */
import type { McapIndexedReader, McapTypes } from '@mcap/core';
import { InputError } from '../../errors.js';
import type { Core } from './core.js';
import type { InputFile } from './input-file.js';
import { CHANNEL, CHUNK, McapRecords, SCHEMA } from './mcap-records.js';
import { MAGIC_BYTES, RECORD_HEADER_BYTES } from './record-walk.js';

/** What the summary of a file says. */
export interface Summary {
  readonly channels: readonly McapTypes.Channel[];
  readonly schemas: ReadonlyMap<number, McapTypes.Schema>;
  /** Places of chunks, and the channels that each has messages of. */
  readonly chunks: ReadonlyMap<number, ReadonlyMap<number, bigint>>;
  /** Messages of each channel. */
  readonly counts: ReadonlyMap<number, bigint> | undefined;
}

/** A file as far as its ends tell. */
export interface Ends {
  /** It has a footer: whoever wrote it has finished. */
  readonly isWhole: boolean;
  /** `undefined`: it has none, or a very large one. */
  readonly summary: Summary | undefined;
}

const FOOTER_BYTES = RECORD_HEADER_BYTES + 8 + 8 + 4;
const FOOTER = 0x02;
/** What is made of a summary takes up to ten times as much memory. */
const MAX_SUMMARY_BYTES = 32 * 1024 * 1024;

/** @throws {InputError} it is no MCAP file, or its summary is damaged */
export async function readEnds(core: Core, file: InputFile): Promise<Ends> {
  const magic = Buffer.from(core.MCAP_MAGIC);
  const first = Buffer.alloc(MAGIC_BYTES);
  await file.read(first, 0);
  if (!first.equals(magic)) {
    throw new InputError(`Cannot read ${file.path}: it does not begin as an MCAP file does`);
  }
  const last = Buffer.alloc(FOOTER_BYTES + MAGIC_BYTES);
  const lastAt = file.size - last.length;
  if (lastAt < MAGIC_BYTES) return { isWhole: false, summary: undefined };
  await file.read(last, lastAt);
  const isWhole = last.subarray(FOOTER_BYTES).equals(magic) && last[0] === FOOTER;
  if (!isWhole) return { isWhole, summary: undefined };
  const summaryStart = last.readBigUInt64LE(RECORD_HEADER_BYTES);
  const isReadable = summaryStart > 0n && BigInt(lastAt) - summaryStart <= MAX_SUMMARY_BYTES;
  return { isWhole, summary: isReadable ? await readSummary(core, file) : undefined };
}

async function readSummary(core: Core, file: InputFile): Promise<Summary | undefined> {
  let reader: McapIndexedReader;
  try {
    reader = await core.McapIndexedReader.Initialize({ readable: readable(file) });
  } catch (error) {
    const what = `the summary is damaged: ${(error as Error).message}`;
    throw new InputError(`Cannot read ${file.path}: ${what}`, { cause: error });
  }
  const { channelsById, schemasById, chunkIndexes, statistics } = reader;
  // They need not be repeated there.
  if (channelsById.size === 0) return undefined;
  return {
    channels: [...channelsById.values()],
    schemas: schemasById,
    chunks: new Map(
      chunkIndexes.map(({ chunkStartOffset, messageIndexOffsets }) => [
        Number(chunkStartOffset),
        messageIndexOffsets,
      ]),
    ),
    counts: statistics?.channelMessageCounts,
  };
}

/** The file as @mcap/core wants it: with sizes from the file itself, so they are checked here. */
function readable(file: InputFile): McapTypes.IReadable {
  return {
    size: () => Promise.resolve(BigInt(file.size)),
    async read(offset, size) {
      if (offset + size > BigInt(file.size) || size > MAX_SUMMARY_BYTES + 1024) {
        throw new InputError(`it tells of ${size} bytes at ${offset}`);
      }
      const bytes = new Uint8Array(Number(size));
      const read = await file.read(bytes, Number(offset));
      return bytes.subarray(0, read);
    },
  };
}

/** Channels with their schemas. */
export interface Definitions {
  readonly channels: readonly McapTypes.Channel[];
  readonly schemas: ReadonlyMap<number, McapTypes.Schema>;
}

/**
 * Looks through the file for channels, up to the first one of `topic`, if there is one.
 * @throws {InputError}
 */
export async function findChannels(
  core: Core,
  file: InputFile,
  maxBytes: number,
  topic: string | undefined,
  signal: AbortSignal,
): Promise<Definitions> {
  const wanted = new Set([SCHEMA, CHANNEL, CHUNK]);
  const records = new McapRecords(core, file, maxBytes, (opcode) =>
    wanted.has(opcode) ? 'take' : 'jump',
  );
  const channels = new Map<number, McapTypes.Channel>();
  const schemas = new Map<number, McapTypes.Schema>();
  do {
    signal.throwIfAborted();
    for (let record; (record = records.next()) !== undefined;) {
      if (record.type === 'Schema') schemas.set(record.id, record);
      if (record.type !== 'Channel') continue;
      channels.set(record.id, record);
      if (record.topic === topic) return { channels: [record], schemas };
    }
  } while (await records.more());
  return { channels: [...channels.values()], schemas };
}
