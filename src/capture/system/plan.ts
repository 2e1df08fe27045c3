/** What is read of a kernel's file, and which counters that makes: plain data, made when a capture opens. */

/** Counters that are read together and chosen by one name. */
export type CounterGroup =
  | 'cpu'
  | 'kernel'
  | 'interrupts'
  | 'memory'
  | 'paging'
  | 'disks'
  | 'network'
  | 'pressure'
  | 'load'
  | 'temperatures'
  | 'frequencies';

/** A counter, and the field of an event that has its value. */
export interface Counter {
  readonly group: CounterGroup;
  readonly name: string;
  readonly type: 'ulong' | 'long' | 'double';
  /** What it means, and its unit. */
  readonly comment: string;
}

/** How a number is written: digits; the same with a sign; with a decimal point. */
export type Notation = 'unsigned' | 'signed' | 'decimal';

export interface ColumnPlan {
  /** Number of the word behind the line's key. */
  readonly column: number;
  /** What the word begins with, before the number: `total=`. */
  readonly prefix?: string;
  readonly notation: Notation;
  /** The value is so many times the number: a power of two, so that it stays exact. */
  readonly scale?: number;
  readonly counter: Counter;
}

/** A line, known by its key: `cpu0`, `MemFree`, `eth0`. */
export interface RowPlan {
  /** Empty in files of one line that has none. */
  readonly key: string;
  /** None, for lines that are known and of no interest. By column. */
  readonly columns: readonly ColumnPlan[];
}

export interface FilePlan {
  readonly path: string;
  /** Words before the key. */
  readonly keyColumn: number;
  /** In the order of the file. */
  readonly rows: readonly RowPlan[];
  /** It is read no more often than so. */
  readonly maxHz: number;
}

/** Plans of the same file become one. */
export function mergePlans(plans: readonly FilePlan[]): FilePlan[] {
  const byPath = new Map<string, FilePlan>();
  for (const plan of plans) {
    const other = byPath.get(plan.path);
    byPath.set(plan.path, other === undefined ? plan : { ...plan, rows: mergeRows(other, plan) });
  }
  return [...byPath.values()];
}

function mergeRows(one: FilePlan, other: FilePlan): RowPlan[] {
  const byKey = new Map(one.rows.map((row) => [row.key, row]));
  for (const { key, columns } of other.rows) {
    const all = [...(byKey.get(key)?.columns ?? []), ...columns];
    byKey.set(key, { key, columns: all.sort((a, b) => a.column - b.column) });
  }
  return [...byKey.values()];
}

export function countersOf(plans: readonly FilePlan[]): Counter[] {
  return plans.flatMap(({ rows }) =>
    rows.flatMap(({ columns }) => columns.map(({ counter }) => counter)),
  );
}
