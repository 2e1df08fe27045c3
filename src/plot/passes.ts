/** Several queries about the same events, with one progress. */
import type { EventSchema } from '../events/schema.js';
import { EventReader } from '../events/event-reader.js';
import {
  queryEvents,
  schemaOf,
  type Condition,
  type Query,
  type QuerySettings,
  type QueryTable,
} from '../query/query.js';
import type { ScanResult, ScannedLog } from '../scan/scan.js';
import type { Chart } from './chart.js';

export type PlottedLog = ScannedLog | EventReader;

/**
 * What is asked first fixes the range for what is asked later, so a log that grows meanwhile does not
 * matter.
 */
export class Passes {
  readonly schema: EventSchema;
  readonly #log: PlottedLog;
  readonly #where: Condition | undefined;
  readonly #settings: QuerySettings;
  #done = 0;
  #expected: number;
  #last: ScanResult<QueryTable> | undefined;

  /** `expected` passes, as far as is known: for the progress. */
  constructor(
    log: PlottedLog,
    where: Condition | undefined,
    settings: QuerySettings,
    expected: number,
  ) {
    this.#log = log;
    this.#where = where;
    this.#expected = expected;
    const records = log instanceof EventReader ? log.records : log;
    this.schema = schemaOf(
      records,
      settings.schema ?? (log instanceof EventReader ? log.schema : undefined),
    );
    this.#settings = { ...settings, schema: this.schema };
  }

  /** Asks about the events that meet the plot's condition, and these as well. */
  async ask(query: Query, conditions: readonly Condition[] = []): Promise<QueryTable> {
    const all = this.#where === undefined ? conditions : [this.#where, ...conditions];
    const where = all.length === 0 ? {} : { where: { all } };
    const { from = this.#settings.from, to = this.#settings.to } = this.#last ?? {};
    const settings = { ...this.#settings, from, to, onProgress: this.#progress() };
    this.#last = await queryEvents(this.#log, { ...query, ...where }, settings);
    this.#done++;
    return this.#last.value;
  }

  /** A further pass has become necessary. */
  expectMore(passes: number): void {
    this.#expected = this.#done + passes;
  }

  result(value: Chart): ScanResult<Chart> {
    const { records = 0, bytes = 0, pieces = 0, from = 0, to = 0, damage = [] } = this.#last ?? {};
    return { value, records, bytes, pieces, from, to, damage };
  }

  #progress(): QuerySettings['onProgress'] {
    const { onProgress } = this.#settings;
    if (onProgress === undefined) return undefined;
    const [done, passes] = [this.#done, Math.max(this.#expected, this.#done + 1)];
    return (progress) => {
      const { totalRecords, totalBytes, totalPieces } = progress;
      onProgress({
        records: done * totalRecords + progress.records,
        bytes: done * totalBytes + progress.bytes,
        pieces: done * totalPieces + progress.pieces,
        totalRecords: passes * totalRecords,
        totalBytes: passes * totalBytes,
        totalPieces: passes * totalPieces,
      });
    };
  }
}
