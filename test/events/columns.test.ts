import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { openAppender, openReader, type Appender } from '../../src/index.js';
import {
  columnPlan,
  type Column,
  type ColumnPlan,
  type Int64Mode,
} from '../../src/events/columns.js';
import { eventSchema } from '../../src/events/schema.js';
import {
  expectedColumns,
  type Expected,
  type ExpectedColumn,
} from '../support/expected-columns.js';
import { Flatc } from '../support/flatc.js';
import { drawSchema, toJson, type Plain } from '../support/random-schemas.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const RUNS = Number(process.env['FC_NUM_RUNS'] ?? 40);

let flatc: Flatc;
beforeAll(async () => {
  flatc = await Flatc.start();
});

/** A log of these payloads, some of them in a frame. */
async function logOf(payloads: readonly Uint8Array[], perFrame = 3): Promise<string> {
  const path = temporaryLogPath();
  const appender: Appender = openAppender(path, {
    segmentSizeBytes: 16_384,
    maintenance: false,
    commit: 'manual',
  });
  payloads.forEach((payload, i) => {
    appender.append(payload);
    if (i % perFrame === perFrame - 1) appender.commit();
  });
  await appender.close();
  return path;
}

function shown(column: Column, row: number): Expected {
  if (column.kind === 'string') return column.at(row) ?? undefined;
  return column.nulls?.[row] === 1 ? undefined : column.values[row];
}

/** What the column should hold in this mode. */
function wanted({ type }: ExpectedColumn, value: Expected, int64: Int64Mode): Expected {
  if (type.kind === 'string' || value === undefined || typeof value === 'string') return value;
  const isWide = type.scalar === 'int64' || type.scalar === 'uint64';
  if (isWide && int64 === 'bigint') return BigInt(value);
  const number = Number(value);
  return type.scalar === 'float32' ? Math.fround(number) : number;
}

function isUnsafe(value: Expected): boolean {
  return typeof value === 'bigint';
}

describe('columns of events of a random schema', () => {
  it.each(['approximate', 'bigint', 'exact'] as const)(
    'hold the values that flatc has encoded, int64: %s',
    async (int64) => {
      await fc.assert(
        fc.asyncProperty(fc.gen(), fc.integer({ min: 1, max: 7 }), async (draw, rows) => {
          const { fbs, event, fullEvent } = drawSchema(draw);
          const bfbs = flatc.schema(fbs);
          const schema = eventSchema(bfbs);
          const events = Array.from({ length: 12 }, (_, i) =>
            i % 4 === 3 ? fullEvent() : event(),
          );
          const all = expectedColumns(schema.root);
          // Exactly: whatever fits in all events.
          const columns = all.filter(
            ({ of }) => int64 !== 'exact' || !events.some((each) => isUnsafe(of(each))),
          );
          if (columns.length === 0) return;
          const path = await logOf(events.map((each) => flatc.encode(bfbs, toJson(each))));
          const plan = columnPlan(
            schema,
            columns.map((each) => each.path),
            { int64 },
          );
          expectRows(path, plan, columns, events, rows);
          const each = columns[columns.length >> 1] as ExpectedColumn;
          expectRows(path, columnPlan(schema, [each.path], { int64 }), [each], events, rows);
        }),
        { numRuns: RUNS, endOnFailure: true },
      );
    },
  );
});

/** Reads the log with columns of `rows` rows, again and again. */
function expectRows(
  path: string,
  plan: ColumnPlan,
  expected: readonly ExpectedColumn[],
  events: readonly Plain[],
  rows: number,
): void {
  const reader = openReader(path);
  const cursor = reader.cursor();
  const columns = plan.allocate(rows);
  let offset = 0;
  for (let filled = -1; filled !== 0; offset += filled) {
    expect(cursor.nextOffset).toBe(offset);
    filled = plan.fill(cursor, columns);
    for (let row = 0; row < filled; row++) {
      const event = events[offset + row] as Plain;
      const values = columns.list.map((column) => shown(column, row));
      expect(values).toEqual(expected.map((each) => wanted(each, each.of(event), plan.int64)));
    }
  }
  expect(offset).toBe(events.length);
  reader.close();
}
