/** What an MCAP file holds, as @mcap/core reads it from one record after the other. */
import type { McapStreamReader, McapTypes } from '@mcap/core';
import { InputError } from '../../errors.js';
import type { Core } from './core.js';
import { decompressors } from './compression.js';
import type { InputFile } from './input-file.js';
import { RecordWalk, type Fate } from './record-walk.js';

export type McapRecord = McapTypes.TypedMcapRecord;

/** Opcodes of what is asked for. */
export const SCHEMA = 0x03;
export const CHANNEL = 0x04;
export const MESSAGE = 0x05;
export const CHUNK = 0x06;
export const ATTACHMENT = 0x09;

/** All schemas and channels of a file are in memory at once. */
const MAX_DEFINITION_BYTES = 16 * 1024 * 1024;

export class McapRecords {
  readonly #file: InputFile;
  readonly #walk: RecordWalk;
  readonly #reader: McapStreamReader;
  /** Bytes of each. */
  readonly #definitions = new Map<string, number>();
  #definitionBytes = 0;

  /**
   * `fateOf` says which records of the file are looked at; what is in chunks comes one by one. `channels` are
   * known already: the chunk that declares them may be one that is not looked at.
   */
  constructor(
    core: Core,
    file: InputFile,
    maxBytes: number,
    fateOf: (opcode: number, position: number) => Fate,
    channels: readonly McapTypes.Channel[] = [],
  ) {
    this.#file = file;
    this.#walk = new RecordWalk(file, maxBytes, fateOf);
    const decompressHandlers = decompressors(maxBytes);
    this.#reader = new core.McapStreamReader({ noMagicPrefix: true, decompressHandlers });
    const known = new core.McapRecordBuilder();
    for (const channel of channels) known.writeChannel(channel);
    this.#reader.append(known.buffer);
  }

  /** The file ends before its data do. */
  get isCut(): boolean {
    return this.#walk.isCut;
  }

  /** Where the record is, or the chunk that it is in. */
  get position(): number {
    return this.#walk.position;
  }

  /**
   * The next record; `undefined`: `more` has to be called.
   * @throws {InputError} it is damaged, or too large
   */
  next(): McapRecord | undefined {
    for (;;) {
      const record = this.#parsed();
      if (record !== undefined) return record;
      const bytes = this.#walk.next();
      if (bytes === undefined) return undefined;
      this.#reader.append(bytes);
    }
  }

  /** Reads on. `false`: there is no more. */
  more(): Promise<boolean> {
    return this.#walk.more();
  }

  #parsed(): McapRecord | undefined {
    try {
      const record = this.#reader.nextRecord();
      if (record?.type === 'Schema' || record?.type === 'Channel') this.#weigh(record);
      return record;
    } catch (error) {
      return this.#file.fail(this.position, (error as Error).message, error);
    }
  }

  #weigh(
    record: McapTypes.TypedMcapRecords['Schema'] | McapTypes.TypedMcapRecords['Channel'],
  ): void {
    const key = `${record.type} ${record.id}`;
    const bytes =
      record.type === 'Schema' ? record.data.length + record.name.length : sizeOf(record);
    this.#definitionBytes += bytes - (this.#definitions.get(key) ?? 0);
    this.#definitions.set(key, bytes);
    if (this.#definitionBytes <= MAX_DEFINITION_BYTES) return;
    const limit = `${MAX_DEFINITION_BYTES} at most are taken`;
    throw new InputError(`schemas and channels up to here have more bytes than the ${limit}`);
  }
}

function sizeOf({ topic, metadata }: McapTypes.Channel): number {
  let size = topic.length;
  for (const [key, value] of metadata) size += key.length + value.length;
  return size;
}
