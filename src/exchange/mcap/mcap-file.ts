/** Export as MCAP. */
import type { McapTypes } from '@mcap/core';
import { checkInteger } from '../../options.js';
import { crc32Bytes } from '../../format/checksum.js';
import type { EventSchema } from '../../events/schema.js';
import type { Assembler, OutputFormat } from '../format.js';
import { checkCompression, type Compression } from '../zstd.js';
import { libraryName } from '../library-name.js';
import { loadCore, type Core } from './core.js';
import type { ChunkFacts } from './chunk-writer.js';
import type { McapArguments, McapPiece } from './mcap-encoder.js';
import { checkTimeField } from './message-time.js';

export interface McapFileOptions {
  /** What the channel is called (default: the name of the root table, without its namespace). */
  readonly topic?: string;
  /**
   * A field that has the time of messages: an integer, ns, us, ms or s since 1970 as the end of its name
   * says (`time_ns`). By default it is the time of commit, which several events share.
   */
  readonly time?: string;
  /** Of chunks (default `'none'`). `'zstd'` needs Node.js 22.15, 23.8, or newer; Node.js has no lz4. */
  readonly compression?: Compression;
  /** So large are chunks before they are compressed (default 1 MiB): what a viewer loads for a moment. */
  readonly chunkBytes?: number;
}

/**
 * MCAP, as Foxglove and others read it: one channel of FlatBuffers with their schema, in chunks, with all
 * indexes. Events are copied byte for byte, so everything in them is kept, and no fields can be chosen. A
 * message's sequence number has the 32 low bits of its event's offset; `stratalog.firstOffset` of the
 * channel's metadata has the first one in full.
 *
 * What it does not keep: which events were committed together, and in which session; gaps, but for what
 * the sequence tells. Both times of a message are the same.
 * @throws {TypeError | RangeError} options that make no sense
 * @throws {LogError} `UNSUPPORTED_PLATFORM`: this version of Node has no such compression
 */
export function mcapFile({
  topic,
  time,
  compression = 'none',
  chunkBytes = DEFAULT_CHUNK_BYTES,
}: McapFileOptions = {}): OutputFormat {
  if (topic !== undefined && (typeof topic !== 'string' || topic === '')) {
    throw new TypeError('Invalid topic: expected a name');
  }
  checkCompression(compression, ['none', 'zstd']);
  checkInteger('chunkBytes', chunkBytes, 1, MAX_CHUNK_BYTES);
  return {
    name: 'mcap',
    async plan(schema, fields) {
      if (fields !== undefined) {
        throw new TypeError('Cannot choose fields for MCAP: events are copied as they are');
      }
      if (time !== undefined) checkTimeField(schema, time);
      const args: McapArguments = { channelId: CHANNEL_ID, chunkBytes, compression, time };
      const name = topic ?? schema.name.slice(schema.name.lastIndexOf('.') + 1);
      return {
        columns: time === undefined ? [] : [time],
        encoder: { module: ENCODER, name: 'mcapEncoder' },
        args,
        assembler: new McapAssembler(await loadCore(), schema, name, compression),
      };
    },
  };
}

const ENCODER = new URL('./mcap-encoder.js', import.meta.url).href;
const DEFAULT_CHUNK_BYTES = 1024 * 1024;
const MAX_CHUNK_BYTES = 1024 ** 3;
const CHANNEL_ID = 1;
const SCHEMA_ID = 1;
const CRC_BYTES = 4;
const FOOTER_BYTES = 1 + 8 + 8 + 8 + CRC_BYTES;

type Builder = InstanceType<Core['McapRecordBuilder']>;

/** Everything of a file but its chunks, by the builders of @mcap/core. */
class McapAssembler implements Assembler {
  readonly #core: Core;
  readonly #schema: McapTypes.Schema;
  readonly #channel: McapTypes.Channel;
  readonly #compression: string;
  /** All that stays in memory: some 90 bytes for each chunk. */
  readonly #chunkIndexes: Builder;
  #chunks = 0;
  #messages = 0;
  #startTime = 0n;
  #endTime = 0n;
  #position = 0;
  /** Of everything up to there. */
  #crc = 0;
  /** The channel's record waits for the first event, whose offset it names. */
  #hasChannel = false;

  constructor(core: Core, schema: EventSchema, topic: string, compression: Compression) {
    this.#core = core;
    const { name, bytes: data } = schema;
    this.#schema = { id: SCHEMA_ID, name, encoding: 'flatbuffer', data };
    this.#channel = {
      id: CHANNEL_ID,
      schemaId: SCHEMA_ID,
      topic,
      messageEncoding: 'flatbuffer',
      metadata: new Map(),
    };
    this.#compression = compression === 'none' ? '' : compression;
    this.#chunkIndexes = new core.McapRecordBuilder();
  }

  begin(): readonly Uint8Array[] {
    const first = this.#written((records) => {
      records.writeMagic();
      records.writeHeader({ profile: '', library: libraryName() });
      records.writeSchema(this.#schema);
    });
    return [this.#counted(first)];
  }

  take(piece: unknown): readonly Uint8Array[] {
    const { bytes, chunks, firstOffset } = piece as McapPiece;
    if (firstOffset === undefined) return [];
    const before = this.#channelAt(firstOffset);
    for (const chunk of chunks) this.#add(chunk);
    this.#crc = crc32Bytes(bytes, this.#crc);
    return [...before, bytes];
  }

  end(): readonly Uint8Array[] {
    const before = this.#channelAt(undefined);
    const dataEnd = this.#written((records) => {
      records.writeDataEnd({ dataSectionCrc: this.#crc });
    });
    this.#position += dataEnd.length;
    return [...before, dataEnd, ...this.#summary(this.#position)];
  }

  #channelAt(firstOffset: number | undefined): Uint8Array[] {
    if (this.#hasChannel) return [];
    this.#hasChannel = true;
    if (firstOffset !== undefined) {
      this.#channel.metadata.set('stratalog.firstOffset', String(firstOffset));
    }
    return [this.#counted(this.#written((records) => records.writeChannel(this.#channel)))];
  }

  /** Bytes that go into the file now. */
  #counted(bytes: Uint8Array): Uint8Array {
    this.#position += bytes.length;
    this.#crc = crc32Bytes(bytes, this.#crc);
    return bytes;
  }

  #add(chunk: ChunkFacts): void {
    const indexAt = this.#position + chunk.bytes;
    this.#chunkIndexes.writeChunkIndex({
      messageStartTime: chunk.startTime,
      messageEndTime: chunk.endTime,
      chunkStartOffset: BigInt(this.#position),
      chunkLength: BigInt(chunk.bytes),
      messageIndexOffsets: new Map([[CHANNEL_ID, BigInt(indexAt)]]),
      messageIndexLength: BigInt(chunk.indexBytes),
      compression: this.#compression,
      compressedSize: BigInt(chunk.storedBytes),
      uncompressedSize: BigInt(chunk.messageBytes),
    });
    this.#position = indexAt + chunk.indexBytes;
    const isFirst = this.#chunks === 0;
    if (isFirst || chunk.startTime < this.#startTime) this.#startTime = chunk.startTime;
    if (isFirst || chunk.endTime > this.#endTime) this.#endTime = chunk.endTime;
    this.#chunks++;
    this.#messages += chunk.messages;
  }

  #written(write: (records: Builder) => void): Uint8Array {
    const records = new this.#core.McapRecordBuilder();
    write(records);
    return records.buffer;
  }

  /** Groups of records, where each group is, and the footer. */
  #summary(start: number): Uint8Array[] {
    const { Opcode } = this.#core;
    const groups: readonly (readonly [number, Uint8Array])[] = [
      [Opcode.SCHEMA, this.#written((records) => records.writeSchema(this.#schema))],
      [Opcode.CHANNEL, this.#written((records) => records.writeChannel(this.#channel))],
      [Opcode.STATISTICS, this.#written((records) => records.writeStatistics(this.#statistics()))],
      [Opcode.CHUNK_INDEX, this.#chunkIndexes.buffer],
    ];
    let at = start;
    const offsets = this.#written((records) => {
      for (const [groupOpcode, { length }] of groups) {
        const groupLength = BigInt(length);
        if (length > 0) {
          records.writeSummaryOffset({ groupOpcode, groupStart: BigInt(at), groupLength });
        }
        at += length;
      }
    });
    const parts = [...groups.map(([, bytes]) => bytes), offsets];
    const footer = { summaryStart: BigInt(start), summaryOffsetStart: BigInt(at) };
    return [...parts, this.#footer(footer, parts)];
  }

  /** Its checksum is of the whole summary, and of its own bytes before that. */
  #footer(
    footer: Omit<McapTypes.Footer, 'summaryCrc'>,
    summary: readonly Uint8Array[],
  ): Uint8Array {
    const withCrc = (summaryCrc: number): Uint8Array =>
      this.#written((records) => {
        records.writeFooter({ ...footer, summaryCrc });
        records.writeMagic();
      });
    const own = withCrc(0).subarray(0, FOOTER_BYTES - CRC_BYTES);
    return withCrc([...summary, own].reduce((crc, bytes) => crc32Bytes(bytes, crc), 0));
  }

  #statistics(): McapTypes.Statistics {
    const messages = BigInt(this.#messages);
    return {
      messageCount: messages,
      schemaCount: 1,
      channelCount: 1,
      attachmentCount: 0,
      metadataCount: 0,
      chunkCount: this.#chunks,
      messageStartTime: this.#startTime,
      messageEndTime: this.#endTime,
      channelMessageCounts: new Map(messages === 0n ? [] : [[CHANNEL_ID, messages]]),
    };
  }
}
