/** MCAP files as foreign readers see them, and as foreign writers make them. */
import { readFileSync } from 'node:fs';
import { ByteBuffer } from 'flatbuffers';
import { Parser, Schema, Table } from 'flatbuffers_reflection';
import { McapIndexedReader, McapStreamReader, McapWriter, type McapTypes } from '@mcap/core';

export type McapRecord = McapTypes.TypedMcapRecord;

/** All records of a file, in its order, with those in chunks; checksums of chunks are checked. */
export function streamedRecords(bytes: Uint8Array): McapRecord[] {
  const reader = new McapStreamReader({ includeChunks: true, validateCrcs: true });
  reader.append(bytes);
  const records: McapRecord[] = [];
  for (let record; (record = reader.nextRecord()) !== undefined;) records.push(record);
  if (!reader.done()) throw new Error('The file ends before its footer');
  return records;
}

export function ofType<T extends McapRecord['type']>(
  records: readonly McapRecord[],
  type: T,
): McapTypes.TypedMcapRecords[T][] {
  return records.filter((record) => record.type === type) as McapTypes.TypedMcapRecords[T][];
}

export function indexedReader(path: string): Promise<McapIndexedReader> {
  const bytes = readFileSync(path);
  return McapIndexedReader.Initialize({
    readable: {
      size: () => Promise.resolve(BigInt(bytes.length)),
      read: (offset, size) =>
        Promise.resolve(new Uint8Array(bytes.subarray(Number(offset), Number(offset + size)))),
    },
  });
}

/** A FlatBuffers message as Foxglove shows it: by Foxglove's own decoder, and the schema of the file. */
export function asInFoxglove({ name, data }: McapTypes.Schema, message: Uint8Array): unknown {
  const schema = Schema.getRootAsSchema(new ByteBuffer(data));
  const types = Array.from({ length: schema.objectsLength() }, (_, i) => schema.objects(i)?.name());
  const bytes = new ByteBuffer(message);
  const table = new Table(bytes, types.indexOf(name), bytes.readInt32(0), false);
  return new Parser(schema).toObject(table, true);
}

export async function all<T>(from: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const each of from) found.push(each);
  return found;
}

type WriterOptions = Omit<ConstructorParameters<typeof McapWriter>[0], 'writable'>;

/** What @mcap/core's own writer makes. */
export async function written(
  write: (writer: McapWriter) => Promise<void>,
  options: WriterOptions = {},
): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let size = 0n;
  const writable = {
    position: () => size,
    write: (bytes: Uint8Array) => {
      parts.push(new Uint8Array(bytes));
      size += BigInt(bytes.length);
      return Promise.resolve();
    },
  };
  const writer = new McapWriter({ writable, ...options });
  await writer.start({ profile: '', library: 'test' });
  await write(writer);
  await writer.end();
  return Buffer.concat(parts);
}

export interface WrittenTopic {
  readonly topic: string;
  readonly messageEncoding: string;
  readonly schema?: Omit<McapTypes.Schema, 'id'>;
  readonly messages: readonly Uint8Array[];
}

/** Messages of several topics, in turn. */
export function writtenTopics(
  topics: readonly WrittenTopic[],
  options: WriterOptions = {},
): Promise<Buffer> {
  return written(async (writer) => {
    const ids: number[] = [];
    for (const { topic, messageEncoding, schema } of topics) {
      const schemaId = schema === undefined ? 0 : await writer.registerSchema(schema);
      const metadata = new Map<string, string>();
      ids.push(await writer.registerChannel({ topic, messageEncoding, schemaId, metadata }));
    }
    const most = Math.max(...topics.map(({ messages }) => messages.length));
    for (let i = 0; i < most; i++) {
      for (const [t, { messages }] of topics.entries()) {
        const data = messages[i];
        if (data === undefined) continue;
        const time = BigInt(i);
        const channelId = ids[t] as number;
        await writer.addMessage({ channelId, sequence: i, logTime: time, publishTime: time, data });
      }
    }
  }, options);
}
