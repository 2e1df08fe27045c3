/** Events of a log into a file of another format: encoded by several threads, written in order. */
import { randomUUID } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Writable } from 'node:stream';
import { InputError } from '../errors.js';
import { EventReader } from '../events/event-reader.js';
import type { EventSchema } from '../events/schema.js';
import { planCondition } from '../query/plan.js';
import { schemaOf, type Condition } from '../query/query.js';
import type { ScanSettings } from '../scan/options.js';
import { takeScanned, type ScannedLog } from '../scan/scan.js';
import type { SkippedDamage } from '../scan/messages.js';
import type { OutputFormat } from './format.js';
import { openOutput, type Output } from './output.js';
import type { ExportedPiece, WorkerPlan } from './piece.js';

export interface ExportOptions extends ScanSettings {
  /** How it is written: `csvFile()`, `jsonLinesFile()`, ... */
  readonly format: OutputFormat;
  /**
   * Which fields, by their paths as `eventFields` has them; `$offset` and `$timeMs` besides. By default all
   * of the events' own, and it is an error if the format cannot hold one of them. What is named is what is
   * exported: of `body.x` alone nobody can tell any more whether `body` was there.
   */
  readonly fields?: readonly string[] | undefined;
  /** Only events that meet it. */
  readonly where?: Condition | undefined;
  /** What to take events for; by default what the log says that they are. */
  readonly schema?: EventSchema | undefined;
  /** Replace a file that is there (default false: that is an error). */
  readonly replace?: boolean | undefined;
}

export interface ExportReport {
  /** Events that were written. */
  readonly rows: number;
  /** Bytes that were written. */
  readonly bytes: number;
  /** Offsets that were looked at. */
  readonly from: number;
  readonly to: number;
  /** What `onDamage: 'skip'` has stepped over, in order. */
  readonly damage: readonly SkippedDamage[];
}

/** Pieces are small: encoded, several of them are in memory for each thread. */
const PIECE_BYTES = 4 * 1024 * 1024;

/**
 * Writes the events of a log into a file, or a stream. Settings are those of `scan`; pieces of the log are
 * encoded by several threads at once. What is exported is fixed when it begins, whatever is appended
 * meanwhile. Memory does not grow with the log.
 *
 * A file is written beside its path, under another name, made durable, and then renamed: what stands at the
 * path is always whole, whatever happens. Into a stream it goes in order, and the stream is ended; after a
 * failure it is left as it is, neither ended nor destroyed.
 *
 * @throws {TypeError | RangeError} options that make no sense; a field that there is not, or that the format
 *   cannot hold. Nothing has been written then
 * @throws {InputError} the file exists, or its folder does not; or the folder is the log's
 * @throws {StorageError} it cannot be written
 * @throws {ScanError} an event cannot be read, or holds what the format cannot: `cause` says what, `offset`
 *   where
 * @throws {SchemaError | SchemaMismatchError} as `openEventReader`
 * @throws what `scan` throws besides; the signal's reason; what the stream fails with
 */
export async function exportLog<Event, View>(
  log: ScannedLog | EventReader<Event, View>,
  target: string | Writable,
  { format, fields, where, schema: given, replace = false, ...settings }: ExportOptions,
): Promise<ExportReport> {
  const scanned = log instanceof EventReader ? log.records : log;
  const schema = schemaOf(scanned, given ?? (log instanceof EventReader ? log.schema : undefined));
  const plan = await format.plan(schema, fields);
  const { assembler, encoder, args, columns } = plan;
  const forWorkers: WorkerPlan = {
    id: randomUUID(),
    bfbs: schema.bytes,
    root: schema.name,
    condition: where === undefined ? undefined : planCondition(schema, where),
    columns,
    encoder,
    args,
  };
  const work = { function: { module: MODULE, name: 'exportPiece' }, args: forWorkers };
  if (typeof target === 'string') await checkElsewhere(target, scanned);
  const output = new Counted(await openOutput(target, replace, settings.signal));
  let rows = 0;
  try {
    await output.write(assembler.begin());
    const sizes = { pieceBytes: plan.pieceBytes ?? PIECE_BYTES, ...settings };
    const { from, to, damage } = await takeScanned(scanned, sizes, work, async (part) => {
      const piece = part as ExportedPiece;
      rows += piece.rows;
      await output.write(assembler.take(piece.encoded));
      return true;
    });
    await output.write(assembler.end());
    await output.finish();
    return { rows, bytes: output.bytes, from, to, damage };
  } finally {
    await output.close();
  }
}

/** In its own folder the export could take the place of a file of the log. */
async function checkElsewhere(target: string, log: ScannedLog): Promise<void> {
  const path = typeof log === 'string' ? log : log.path;
  const folder = await realpath(dirname(target)).catch(() => undefined);
  if (folder === undefined || folder !== (await realpath(path))) return;
  throw new InputError(`Cannot write ${target}: it lies in the log itself`);
}

const MODULE = new URL('./piece.js', import.meta.url).href;

/** An output that knows how much has been written. */
class Counted {
  readonly #output: Output;
  bytes = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  async write(parts: readonly Uint8Array[]): Promise<void> {
    for (const { length } of parts) this.bytes += length;
    await this.#output.write(parts);
  }

  finish(): Promise<void> {
    return this.#output.finish();
  }

  close(): Promise<void> {
    return this.#output.close();
  }
}
