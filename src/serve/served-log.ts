/** The log that is served: opened once, read by everything that answers requests. */
import { availableParallelism } from 'node:os';
import type { Piscina } from 'piscina';
import { LogError, type OffsetRange } from '../errors.js';
import { openEventReader } from '../events/event-reader.js';
import { inspectSchema } from '../events/inspect-schema.js';
import type { EventSchema } from '../events/schema.js';
import { fieldAt, type Field } from '../query/fields.js';
import type { Cursor } from '../read/cursor.js';
import { openReader, type Reader } from '../read/reader.js';
import { takeScanned } from '../scan/scan.js';
import { EventRows, type RowsPlan } from './event-rows.js';
import { Lines, MAX_LINES, inOrder } from './lines.js';
import type { PieceExtremes, PieceWork } from './piece.js';

/** What is drawn: values along x, maybe split into lines. Paths have been checked. */
export interface Drawn {
  readonly x: string;
  readonly ys: readonly string[];
  readonly by: string | undefined;
}

const MODULE = new URL('./piece.js', import.meta.url).href;
/** Pieces are small, so that a scan which nobody waits for any more ends soon. */
const PIECE_BYTES = 4 * 1024 * 1024;
const MAX_THREADS = 8;
/** Places of the log that are looked at to know the lines, and events at each. */
const LINE_SAMPLES = 256;
const SAMPLE_EVENTS = 64;

export class ServedLog {
  readonly reader: Reader;
  /** `undefined`: records are bytes. */
  readonly schema: EventSchema | undefined;
  readonly #origins = new Map<string, bigint>();
  readonly #lines = new Map<string, Lines>();
  #pool: Promise<Piscina> | undefined;
  #scans = 0;
  #whenIdle: (() => void) | undefined;

  /** @throws as `openEventReader`, but for a log without a schema */
  constructor(path: string, schema: EventSchema | undefined) {
    const opened = openWithSchema(path, schema);
    this.reader = opened.reader;
    this.schema = opened.schema;
  }

  /** What there is now. */
  get range(): OffsetRange {
    return { from: this.reader.startOffset, to: this.reader.committedOffset };
  }

  fieldAt(path: string): Field {
    if (this.schema === undefined) throw new TypeError('The log has no schema');
    return fieldAt(this.schema, path);
  }

  /** What x counts from: 64-bit integers lose nothing where they are near to it. */
  originOf(x: string): bigint {
    const { kind } = this.fieldAt(x);
    if (kind !== 'int64' && kind !== 'uint64') return 0n;
    const known = this.#origins.get(x);
    if (known !== undefined) return known;
    const first = this.#firstInteger(x);
    if (first !== undefined) this.#origins.set(x, first);
    return first ?? 0n;
  }

  #firstInteger(x: string): bigint | undefined {
    const { from, to } = this.range;
    const last = Math.min(to, from + SAMPLE_EVENTS);
    if (from === last) return undefined;
    // Read twice: by the first pass about, by the second exactly.
    const about = this.#firstAlong(this.#plan({ x, ys: [], by: undefined }, 0n, []), from);
    if (about === undefined) return undefined;
    const rough = BigInt(about);
    const rest = this.#firstAlong(this.#plan({ x, ys: [], by: undefined }, rough, []), from);
    return rough + BigInt(rest ?? 0);
  }

  #firstAlong(plan: RowsPlan, from: number): number | undefined {
    const rows = new EventRows(plan);
    const cursor = this.cursor(from);
    try {
      if (!rows.next(cursor, SAMPLE_EVENTS)) return undefined;
      return rows.x.subarray(0, rows.length).find((x) => !Number.isNaN(x));
    } finally {
      cursor.close();
    }
  }

  /** Steps over damage. */
  cursor(from: number, to?: number): Cursor {
    const start = Math.max(from, this.reader.startOffset);
    const onDamage = (): void => {};
    return this.reader.cursor({ from: start, onDamage, ...(to === undefined ? {} : { to }) });
  }

  /** The lines of a field; found out the first time by a look here and there. */
  linesOf(by: string): Lines {
    const known = this.#lines.get(by);
    if (known !== undefined) return known;
    const lines = new Lines(this.fieldAt(by));
    const counts = this.#countSamples(by);
    const ranked = [...counts].sort((a, b) => b[1] - a[1]).map(([key]) => key);
    ranked.slice(0, MAX_LINES).sort(inOrder).forEach(lines.learn);
    lines.hasOthers = ranked.length > MAX_LINES;
    this.#lines.set(by, lines);
    return lines;
  }

  #countSamples(by: string): Map<Lines['keys'][number], number> {
    const { from, to } = this.range;
    const keys: Lines['keys'] = [];
    const counts = new Float64Array(255);
    const learn = (key: Lines['keys'][number]): number =>
      keys.length < counts.length - 1 ? keys.push(key) - 1 : 255;
    const rows = new EventRows(this.#plan({ x: '$offset', ys: [], by }, 0n, []), learn);
    const cursor = this.cursor(from, to);
    try {
      for (let i = 0; i < LINE_SAMPLES; i++) {
        cursor.seek(from + Math.floor(((to - from) * i) / LINE_SAMPLES));
        if (!rows.next(cursor, SAMPLE_EVENTS)) continue;
        for (const line of (rows.lines as Uint8Array).subarray(0, rows.length)) {
          counts[line] = (counts[line] ?? 0) + 1;
        }
      }
    } finally {
      cursor.close();
    }
    return new Map(keys.map((key, i) => [key, counts[i] as number]));
  }

  /** How threads read what is drawn. */
  workFor(drawn: Drawn): PieceWork {
    const keys = drawn.by === undefined ? [] : [...this.linesOf(drawn.by).keys];
    const rows = this.#plan(drawn, this.originOf(drawn.x), keys);
    const { x, ys, by } = drawn;
    const id = JSON.stringify([this.reader.logId, x, ys, by, keys.length, String(rows.origin)]);
    return { id, rows, lines: by === undefined ? 1 : MAX_LINES };
  }

  #plan(drawn: Drawn, origin: bigint, keys: Lines['keys']): RowsPlan {
    const { schema } = this;
    if (schema === undefined) throw new TypeError('The log has no schema');
    return { ...drawn, bfbs: schema.bytes, root: schema.name, origin, keys };
  }

  /**
   * Runs a function of `piece.ts` over a range in the pool's threads; results come in the order of the log.
   * `false` from `take`: that was enough.
   */
  async scan(
    { from, to }: OffsetRange,
    name: 'pixelsOfPiece' | 'blocksOfPiece',
    work: PieceWork,
    take: (part: PieceExtremes, to: number) => boolean,
  ): Promise<void> {
    const pool = await (this.#pool ??= startPool());
    const settings = { from, to, pool, pieceBytes: PIECE_BYTES, onDamage: 'skip' } as const;
    const run = { function: { module: MODULE, name }, args: work };
    this.#scans++;
    try {
      await takeScanned(this.reader, settings, run, (part, piece) =>
        take(part as PieceExtremes, piece.to),
      );
    } finally {
      this.#scans--;
      if (this.#scans === 0) this.#whenIdle?.();
    }
  }

  /** Whoever scans has been told to stop. */
  async close(): Promise<void> {
    if (this.#scans > 0) await new Promise<void>((idle) => (this.#whenIdle = idle));
    const pool = await this.#pool;
    await pool?.destroy();
    this.reader.close();
  }
}

async function startPool(): Promise<Piscina> {
  const { Piscina: Pool } = await import('piscina');
  const threads = Math.min(MAX_THREADS, availableParallelism());
  return new Pool({ minThreads: threads, maxThreads: threads });
}

function openWithSchema(
  path: string,
  given: EventSchema | undefined,
): { reader: Reader; schema: EventSchema | undefined } {
  if (given === undefined && inspectSchema(path) === undefined) {
    return { reader: openReader(path), schema: undefined };
  }
  const events = openEventReader(path, given === undefined ? {} : { schema: given });
  return { reader: events.records, schema: events.schema };
}

/** The log is not what it was: another appender has taken back what was read, or it is gone. */
export function isLogLost(error: unknown): boolean {
  return error instanceof LogError && ['POSITION_LOST', 'NOT_A_LOG', 'CLOSED'].includes(error.code);
}
