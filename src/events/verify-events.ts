/** Verification of what makes a log one of events: its schema files, and that its records are events. */
import { join, resolve } from 'node:path';
import { ControlFile } from '../control/control-file.js';
import { CorruptionError, LogError, MalformedEventError } from '../errors.js';
import { decodeApplicationHeader, type EventsLine } from '../format/application-header.js';
import type { SchemaFileName } from '../format/names.js';
import type { Cursor } from '../read/cursor.js';
import { openReader } from '../read/reader.js';
import { readSegmentList } from '../segment/segment-list.js';
import { compareSchemas } from './compatibility.js';
import { listSchemaFiles, readSchemaFile } from './schema-file.js';
import { eventSchema, type EventSchema } from './schema.js';
import { verifyEvent } from './verify.js';

/** What `verifyEventLog` found. */
export interface EventsReport {
  readonly isIntact: boolean;
  /** Name of the root table; `undefined` for a log that was made without a schema. */
  readonly root: string | undefined;
  /** Schema files that are there. */
  readonly versions: number;
  /** What is wrong with schema files, a sentence each. */
  readonly schemaFaults: readonly { readonly path: string; readonly reason: string }[];
  /** Records that were looked at. */
  readonly events: number;
  /** Of these, how many are no events of the schema. */
  readonly malformed: number;
  /** The first hundred of them. */
  readonly malformedEvents: readonly MalformedRecord[];
}

export interface MalformedRecord {
  readonly offset: number;
  readonly reason: string;
  /** Byte of the event at which it was noticed. */
  readonly position: number;
  /** Names on the way from the root; empty for the root itself. */
  readonly field: string;
}

export interface VerifyEventsOptions {
  /** Look through every event (default true); otherwise through the schema files only. */
  readonly events?: boolean;
  /** Called now and then, with offsets done and in total. */
  readonly onProgress?: (done: number, total: number) => void;
}

const MAX_LISTED = 100;
const PROGRESS_RECORDS = 4096;

/**
 * Checks what a log remembers of its events: that its schema files are there, intact, and each one that
 * the one before may change to; and that every record is an event of the newest. Reads in the calling
 * thread, changes nothing, and works while an appender is at it. Records that are damaged, which `verifyLog`
 * reports, are passed over.
 * @throws as `openReader`
 */
export function verifyEventLog(path: string, options: VerifyEventsOptions = {}): EventsReport {
  const directory = resolve(path);
  const found = new SchemaFiles(directory);
  const { root, versions, newest, faults } = found;
  const checked = newest === undefined || options.events === false ? NOTHING : new Events(newest);
  if (checked instanceof Events) checked.check(directory, options.onProgress);
  const { events, malformed, malformedEvents } = checked;
  const isIntact = faults.length === 0 && malformed === 0;
  return { isIntact, root, versions, schemaFaults: faults, events, malformed, malformedEvents };
}

const NOTHING = { events: 0, malformed: 0, malformedEvents: [] };

/** The schema files of a log, each by itself and against the others. */
class SchemaFiles {
  readonly root: string | undefined;
  readonly versions: number;
  readonly faults: { path: string; reason: string }[] = [];
  newest: EventSchema | undefined;
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    const named = namedFiles(directory);
    this.root = named.at(-1)?.root;
    const files = this.root === undefined ? [] : listSchemaFiles(directory);
    this.versions = files.length;
    if (this.root === undefined) return;
    for (const file of files) this.#check(file, this.root);
    const present = new Set(files.map(({ name }) => name));
    for (const { file } of named) {
      if (!present.has(file.name)) this.#blame(file.name, 'a segment names it, and it is missing');
      present.add(file.name);
    }
  }

  #check(file: SchemaFileName, root: string): void {
    const before = this.newest;
    this.newest = this.#read(file, root);
    if (before === undefined || this.newest === undefined) return;
    const differences = compareSchemas(before, this.newest);
    if (differences.length === 0) return;
    this.#blame(file.name, `it may not follow the version before: ${differences.join('; ')}`);
  }

  #read(file: SchemaFileName, root: string): EventSchema | undefined {
    try {
      return eventSchema(readSchemaFile(this.#directory, file), { root });
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      const isDamaged = error instanceof CorruptionError;
      const reason = isDamaged ? `expected ${error.expected}, found ${error.found}` : error.message;
      this.#blame(file.name, reason);
      return undefined;
    }
  }

  #blame(name: string, reason: string): void {
    this.faults.push({ path: join(this.#directory, name), reason });
  }
}

/** What the headers of a log's segments name, oldest first. */
function namedFiles(directory: string): EventsLine[] {
  const control = ControlFile.open(directory, 'read');
  try {
    return readSegmentList(directory, control.logId, control.checkpoint().startOffset)
      .map(({ header }) => header && decodeApplicationHeader(header.application).events)
      .filter((line) => line !== undefined);
  } finally {
    control.close();
  }
}

/** Every record of a log, looked through. */
class Events {
  events = 0;
  malformed = 0;
  readonly malformedEvents: MalformedRecord[] = [];
  readonly #schema: EventSchema;

  constructor(schema: EventSchema) {
    this.#schema = schema;
  }

  check(directory: string, onProgress: VerifyEventsOptions['onProgress']): void {
    const reader = openReader(directory, { access: 'sequential' });
    try {
      const total = reader.committedOffset;
      const cursor = reader.cursor({ to: total, onDamage: () => {} });
      while (nextIntact(cursor)) {
        this.#look(cursor);
        if (++this.events % PROGRESS_RECORDS === 0) onProgress?.(cursor.offset, total);
      }
    } finally {
      reader.close();
    }
  }

  #look(cursor: Cursor): void {
    try {
      verifyEvent(this.#schema, cursor.payload);
    } catch (error) {
      if (!(error instanceof MalformedEventError)) throw error;
      this.malformed++;
      if (this.malformedEvents.length >= MAX_LISTED) return;
      const { reason, position, field } = error;
      this.malformedEvents.push({ offset: cursor.offset, reason, position, field });
    }
  }
}

/** Damage whose end is not known is the end of what can be looked through. */
function nextIntact(cursor: Cursor): boolean {
  try {
    return cursor.next();
  } catch (error) {
    if (error instanceof CorruptionError) return false;
    throw error;
  }
}
