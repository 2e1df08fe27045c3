/** Messages of an MCAP file as events. */
import type { McapTypes } from '@mcap/core';
import { jsonLines } from '../../capture/formats/json-lines.js';
import { messageTaker, type MessageFormat, type TakeMessage } from '../../capture/messages.js';
import type { CaptureSource, Intake, Origin } from '../../capture/source.js';
import { Turns } from '../../capture/turns.js';
import { InputError } from '../../errors.js';
import { compareSchemas } from '../../events/compatibility.js';
import { eventSchema, type EventSchema } from '../../events/schema.js';
import { checkInteger, unknownChoice } from '../../options.js';
import { loadCore, type Core } from './core.js';
import { InputFile } from './input-file.js';
import { ATTACHMENT, CHANNEL, CHUNK, MESSAGE, McapRecords, SCHEMA } from './mcap-records.js';
import type { Fate } from './record-walk.js';
import { findChannels, readEnds, type Definitions, type Ends } from './topics.js';

export interface McapSourceOptions {
  /** Which channel's messages to take. Need not be named if there is only one. */
  readonly topic?: string;
  /**
   * What to do with a file that nobody has finished: its messages are taken as far as there are whole
   * chunks of them, and then the capture fails (`'error'`, the default), or is done (`'accept'`).
   */
  readonly truncated?: 'error' | 'accept';
  /** Larger chunks and messages are refused, compressed or not (default 64 MiB). Some of that size are in memory. */
  readonly maxChunkBytes?: number;
}

const DEFAULT_CHUNK_BYTES = 64 * 1024 * 1024;
/** Of so much JSON the types of its fields are told. */
const SAMPLE_BYTES = 1024 * 1024;

/**
 * Events from an MCAP file, in the order of the file. Messages that are FlatBuffers are copied as they are;
 * what events are is the schema in the file, or the log's if that may follow it. Of JSON messages it is
 * the log's schema, one that is given, or one that is made of the first of them, as `jsonLines` does. Other
 * encodings are an `InputError`, and so are several topics, if none is chosen.
 *
 * Times and sequence numbers of messages are not kept: they are part of an event, or gone. Checksums of
 * chunks are checked, and that of all data if all are read: chunks without messages of the topic are stepped
 * over where the file has an index. A file without one is read twice. Chunks may be compressed with zstd (from Node 22.15 and 23.8 on), not with lz4.
 *
 * Its report has `topic`, `encoding`, `messages`, and `isTruncated`.
 * @throws {TypeError | RangeError} options that make no sense
 */
export function mcapSource<Event = unknown>(
  path: string,
  { topic, truncated = 'error', maxChunkBytes = DEFAULT_CHUNK_BYTES }: McapSourceOptions = {},
): CaptureSource<Event> {
  if (typeof path !== 'string') throw new TypeError('Invalid path: expected a string');
  if (topic !== undefined && typeof topic !== 'string') {
    throw new TypeError('Invalid topic: expected a name');
  }
  if (!['error', 'accept'].includes(truncated)) throw unknownChoice('truncated', truncated);
  checkInteger('maxChunkBytes', maxChunkBytes, 1, 1024 ** 3);
  return new McapSource<Event>(path, { topic, truncated, maxChunkBytes });
}

interface Settings {
  readonly topic: string | undefined;
  readonly truncated: 'error' | 'accept';
  readonly maxChunkBytes: number;
}

const ENCODINGS: ReadonlyMap<string, MessageFormat> = new Map([
  ['flatbuffer', 'flatbuffers'],
  ['json', 'json'],
]);

class McapSource<Event> implements CaptureSource<Event>, Origin {
  readonly name: string;
  readonly #settings: Settings;
  #core: Core | undefined;
  #file: InputFile | undefined;
  #ends: Ends | undefined;
  #topic: Topic | undefined;
  #messages = 0;
  #content: Uint8Array = new Uint8Array(0);
  #isTruncated = false;

  constructor(path: string, settings: Settings) {
    this.name = path;
    this.#settings = settings;
  }

  async open(own: EventSchema | undefined, signal: AbortSignal): Promise<EventSchema<Event>> {
    const core = (this.#core = await loadCore());
    const file = (this.#file = await InputFile.open(this.name));
    const ends = (this.#ends = await readEnds(core, file));
    const { topic, maxChunkBytes } = this.#settings;
    const found = ends.summary ?? (await findChannels(core, file, maxChunkBytes, topic, signal));
    this.#topic = chosenTopic(this.name, found, topic);
    const schema = this.#topic.schemaFor(own) ?? (await this.#inferred(this.#topic, signal));
    return schema as EventSchema<Event>;
  }

  async run(intake: Intake<Event>): Promise<void> {
    const topic = this.#topic as Topic;
    const take = messageTaker(topic.format, intake);
    const records = this.#records(topic);
    const turns = new Turns(64);
    do {
      for (let record; (record = records.next()) !== undefined;) {
        if (!this.#isOfTopic(topic, record)) continue;
        if (intake.isFull) await intake.ready();
        if (intake.signal.aborted) return;
        this.#take(take, record.data);
        if (turns.isOver()) await turns.next();
      }
    } while (!intake.signal.aborted && (await records.more()));
    if (!intake.signal.aborted) this.#finish(topic, records);
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }

  report(): Readonly<Record<string, unknown>> {
    return {
      topic: this.#topic?.name,
      encoding: this.#topic?.encoding,
      messages: this.#messages,
      isTruncated: this.#isTruncated,
    };
  }

  // --- Where a message was, for those that are rejected ---

  get line(): number {
    return this.#messages;
  }

  content(): Uint8Array {
    return this.#content;
  }

  // --- Reading ---

  #records(topic: Topic): McapRecords {
    const file = this.#file as InputFile;
    const { chunks, channels } = this.#ends?.summary ?? {};
    const fateOf = (opcode: number, position: number): Fate => {
      if (opcode === ATTACHMENT) return 'jump';
      if (opcode !== CHUNK) return TAKEN.has(opcode) ? 'take' : 'pass';
      const indexed = chunks?.get(position);
      // A chunk without an index of its messages may hold any.
      if (indexed === undefined || indexed.size === 0) return 'take';
      return [...indexed.keys()].some((id) => topic.channels.has(id)) ? 'take' : 'jump';
    };
    const { maxChunkBytes } = this.#settings;
    return new McapRecords(this.#core as Core, file, maxChunkBytes, fateOf, channels);
  }

  #isOfTopic(topic: Topic, record: McapTypes.TypedMcapRecord): record is Message {
    if (record.type === 'Message' && topic.channels.has(record.channelId)) return true;
    if (record.type === 'Schema') topic.addSchema(record);
    if (record.type === 'Channel') topic.addChannel(record);
    return false;
  }

  #take(take: TakeMessage, message: Uint8Array): void {
    this.#messages++;
    this.#content = message;
    take(message, this);
  }

  /** @throws {InputError} messages are missing */
  #finish(topic: Topic, records: McapRecords): void {
    const { isWhole, summary } = this.#ends as Ends;
    if (records.isCut && isWhole) {
      (this.#file as InputFile).fail(records.position, 'the record is larger than what follows it');
    }
    this.#isTruncated = !isWhole;
    if (!isWhole && this.#settings.truncated === 'error') {
      const taken = `the ${this.#messages} messages before that have been taken`;
      const what = `Cannot read all of ${this.name}: nobody has finished it, and it ends behind byte`;
      throw new InputError(`${what} ${records.position}; ${taken}`);
    }
    if (summary?.counts === undefined) return;
    let expected = 0n;
    for (const id of topic.channels) expected += summary.counts.get(id) ?? 0n;
    if (expected === BigInt(this.#messages)) return;
    const found = `it has ${this.#messages} messages of ${topic.name}, and ${expected} by its summary`;
    throw new InputError(`Cannot read all of ${this.name}: ${found}`);
  }

  /** By the first messages. */
  async #inferred(topic: Topic, signal: AbortSignal): Promise<EventSchema> {
    const records = this.#records(topic);
    const lines: Buffer[] = [];
    let size = 0;
    do {
      signal.throwIfAborted();
      for (let record; size < SAMPLE_BYTES && (record = records.next()) !== undefined;) {
        if (!this.#isOfTopic(topic, record)) continue;
        size += record.data.length + 1;
        lines.push(lineOf(record.data));
      }
    } while (size < SAMPLE_BYTES && (await records.more()));
    try {
      const session = jsonLines({ maxLineBytes: this.#settings.maxChunkBytes }).begin(undefined);
      return session.settle(Buffer.concat(lines), true) as EventSchema;
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      throw new InputError(`Cannot tell what ${topic.name} of ${this.name} is: ${error.message}`, {
        cause: error,
      });
    }
  }
}

type Message = McapTypes.TypedMcapRecords['Message'];

const TAKEN = new Set([SCHEMA, CHANNEL, MESSAGE]);

/** JSON on a line of its own: line feeds in it stand between its values. */
function lineOf(message: Uint8Array): Buffer {
  const line = Buffer.alloc(message.length + 1, '\n');
  for (let i = 0; i < message.length; i++)
    line[i] = message[i] === 10 ? 32 : (message[i] as number);
  return line;
}

/** What is imported: all channels of one name. */
class Topic {
  readonly name: string;
  readonly encoding: string;
  readonly format: MessageFormat;
  readonly channels = new Set<number>();
  readonly #path: string;
  /** Other topics may come up. */
  readonly #isOnlyOne: boolean;
  readonly #schemas: Map<number, McapTypes.Schema>;
  readonly #schema: McapTypes.Schema | undefined;

  /** @throws {InputError} its messages are of another kind */
  constructor(
    path: string,
    first: McapTypes.Channel,
    { channels, schemas }: Definitions,
    isOnlyOne: boolean,
  ) {
    this.name = first.topic;
    this.encoding = first.messageEncoding;
    this.#path = path;
    this.#isOnlyOne = isOnlyOne;
    const format = ENCODINGS.get(this.encoding);
    if (format === undefined) {
      throw this.#refused(
        `its messages are ${JSON.stringify(this.encoding)}, not flatbuffer or json`,
      );
    }
    this.format = format;
    this.#schemas = new Map(schemas);
    this.#schema = this.#schemas.get(first.schemaId);
    for (const channel of channels) this.addChannel(channel);
  }

  addSchema(schema: McapTypes.Schema): void {
    this.#schemas.set(schema.id, schema);
  }

  /** @throws {InputError} its messages are others; or there is another topic, and none was chosen */
  addChannel({ id, topic, messageEncoding, schemaId }: McapTypes.Channel): void {
    if (topic !== this.name) {
      if (this.#isOnlyOne) throw severalTopics(this.#path, [this.name, topic]);
      return;
    }
    if (this.channels.has(id)) return;
    if (messageEncoding !== this.encoding) {
      throw this.#refused(`its messages are ${this.encoding} and ${messageEncoding}`);
    }
    const isSame = isSameSchema(this.#schemas.get(schemaId), this.#schema);
    if (this.format === 'flatbuffers' && !isSame) throw this.#refused('it has several schemas');
    this.channels.add(id);
  }

  /**
   * What events are, as far as that can be told without looking at them. The schema of the file, unless
   * `own` may follow it.
   * @throws {InputError}
   */
  schemaFor(own: EventSchema | undefined): EventSchema | undefined {
    if (this.format === 'json') return own;
    const schema = this.#flatBufferSchema();
    if (own === undefined) return schema;
    const differences = compareSchemas(schema, own);
    if (differences.length === 0) return own;
    if (compareSchemas(own, schema).length === 0) return schema;
    throw this.#refused(`its events follow another schema: ${differences.join('; ')}`);
  }

  #flatBufferSchema(): EventSchema {
    const schema = this.#schema;
    if (schema?.encoding !== 'flatbuffer') {
      throw this.#refused('it has no schema of FlatBuffers (a .bfbs)');
    }
    try {
      return eventSchema(schema.data, { root: schema.name });
    } catch (error) {
      throw this.#refused(`its schema cannot be used: ${(error as Error).message}`, error);
    }
  }

  #refused(why: string, cause?: unknown): InputError {
    const what = `Cannot import topic ${JSON.stringify(this.name)} of ${this.#path}: ${why}`;
    return new InputError(what, cause === undefined ? {} : { cause });
  }
}

function isSameSchema(a: McapTypes.Schema | undefined, b: McapTypes.Schema | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.name === b.name && a.encoding === b.encoding && Buffer.compare(a.data, b.data) === 0;
}

/** @throws {InputError} there is none, or no such, or several to choose from */
function chosenTopic(path: string, found: Definitions, wanted: string | undefined): Topic {
  const names = [...new Set(found.channels.map(({ topic }) => topic))];
  if (names.length > 1 && wanted === undefined) throw severalTopics(path, names);
  const first = found.channels.find(({ topic }) => wanted === undefined || topic === wanted);
  if (first !== undefined) return new Topic(path, first, found, wanted === undefined);
  const which = wanted === undefined ? 'a topic' : `topic ${JSON.stringify(wanted)}`;
  throw new InputError(`Cannot find ${which} in ${path}: ${listed(names)}`);
}

function severalTopics(path: string, names: readonly string[]): InputError {
  return new InputError(`Cannot import ${path} without a topic being chosen: ${listed(names)}`);
}

function listed(names: readonly string[]): string {
  if (names.length === 0) return 'it has none';
  const shown = names.slice(0, MAX_LISTED).map((name) => JSON.stringify(name));
  const others = names.length - shown.length;
  return `it has ${shown.join(', ')}${others > 0 ? ` and ${others} more` : ''}`;
}

const MAX_LISTED = 50;
