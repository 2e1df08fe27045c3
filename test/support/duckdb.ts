/** Queries as SQL, and what DuckDB answers: what the engine is held against. */
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import type { Aggregate, Condition, FieldType, Grouping, Query } from '../../src/index.js';

export interface TableField {
  readonly name: string;
  readonly type: FieldType;
}

export type SqlRow = Readonly<Record<string, unknown>>;

export const SQL_TYPES: Readonly<Record<FieldType, string>> = {
  bool: 'BOOLEAN',
  byte: 'TINYINT',
  ubyte: 'UTINYINT',
  short: 'SMALLINT',
  ushort: 'USMALLINT',
  int: 'INTEGER',
  uint: 'UINTEGER',
  long: 'BIGINT',
  ulong: 'UBIGINT',
  float: 'REAL',
  double: 'DOUBLE',
  string: 'VARCHAR',
};

const FRACTIONS: ReadonlySet<FieldType> = new Set(['float', 'double']);

export async function openDuckDb(): Promise<DuckDBConnection> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  return instance.connect();
}

/** Rows of a CSV file, whose columns have these types; a cell without quotes that is empty is none. */
export async function readCsv(
  connection: DuckDBConnection,
  path: string,
  fields: readonly TableField[],
): Promise<SqlRow[]> {
  const columns = fields.map(({ name, type }) => `'${name}': '${SQL_TYPES[type]}'`);
  const options = `header = true, auto_detect = false, columns = {${columns.join(', ')}}`;
  const quotes = `quote = '"', escape = '"', delim = ',', nullstr = '', allow_quoted_nulls = false`;
  const sql = `SELECT * FROM read_csv('${path}', ${options}, ${quotes}, new_line = '\\r\\n')`;
  return (await connection.runAndReadAll(sql)).getRowObjectsJS();
}

/** A table whose rows have numbers in their order: `rn`. */
export async function createTable(
  connection: DuckDBConnection,
  fields: readonly TableField[],
  rows: readonly SqlRow[],
): Promise<void> {
  const columns = fields.map(({ name, type }) => `${quoted(name)} ${SQL_TYPES[type]}`);
  await connection.run(`CREATE OR REPLACE TABLE t (rn BIGINT, ${columns.join(', ')})`);
  if (rows.length === 0) return;
  const values = rows.map((row, rn) => {
    const cells = fields.map(({ name, type }) => literal(row[name], type));
    return `(${[rn, ...cells].join(', ')})`;
  });
  await connection.run(`INSERT INTO t VALUES ${values.join(', ')}`);
}

/** The answer's rows, in the order that the query asks for; of quantiles, the values of both ranks. */
export async function answerInSql(
  connection: DuckDBConnection,
  fields: readonly TableField[],
  query: Query,
): Promise<SqlRow[]> {
  const reader = await connection.runAndReadAll(new Sql(fields).query(query));
  return reader.getRowObjectsJS().map(plainRow);
}

/** Numbers where they are exact, as the engine has them. */
export function plain(value: unknown): unknown {
  if (typeof value === 'bigint') {
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return plainRow(value as SqlRow);
}

export function plainRow(row: SqlRow): SqlRow {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)]));
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function literal(given: unknown, type: FieldType): string {
  const value = given as number | bigint | string | boolean | null | undefined;
  if (value === null || value === undefined) return 'NULL';
  if (typeof value === 'boolean') return String(value);
  return `'${String(value).replaceAll("'", "''")}'::${SQL_TYPES[type]}`;
}

class Sql {
  readonly #types: ReadonlyMap<string, FieldType>;

  constructor(fields: readonly TableField[]) {
    this.#types = new Map(fields.map(({ name, type }) => [name, type]));
  }

  query({
    where,
    groupBy = [],
    select = { count: { fn: 'count' } },
    orderBy,
    limit,
  }: Query): string {
    const keys = groupBy.map((grouping) => this.#key(grouping));
    const values = Object.entries(select).map(
      ([name, aggregate]) => `${this.#aggregate(aggregate)} AS ${quoted(name)}`,
    );
    const columns = [...keys.map(({ sql, name }) => `${sql} AS ${quoted(name)}`), ...values];
    const byKeys = keys.map(({ name }) => `${quoted(name)} ASC NULLS LAST`);
    const way = orderBy?.descending === true ? 'DESC' : 'ASC';
    const first = orderBy === undefined ? [] : [`${quoted(orderBy.name)} ${way} NULLS LAST`];
    const order = [...first, ...byKeys];
    return [
      `SELECT ${columns.join(', ')} FROM t`,
      where === undefined ? '' : `WHERE ${this.#condition(where)}`,
      keys.length === 0 ? '' : `GROUP BY ${keys.map((_, i) => i + 1).join(', ')}`,
      order.length === 0 ? '' : `ORDER BY ${order.join(', ')}`,
      limit === undefined ? '' : `LIMIT ${limit}`,
    ].join(' ');
  }

  #typeOf(field: string): FieldType {
    return field === '$offset' ? 'long' : (this.#types.get(field) as FieldType);
  }

  #column(field: string): string {
    return field === '$offset' ? 'rn' : quoted(field);
  }

  /** Never unknown: an event without a value meets no comparison, so that `not` of one is met. */
  #condition(condition: Condition): string {
    if ('all' in condition) return this.#joined(condition.all, 'AND', 'true');
    if ('any' in condition) return this.#joined(condition.any, 'OR', 'false');
    if ('not' in condition) return `(NOT ${this.#condition(condition.not)})`;
    const { field } = condition;
    const column = this.#column(field);
    if (condition.op === 'present') return `(${column} IS NOT NULL)`;
    const type = this.#typeOf(field);
    if (condition.op === 'in') {
      const equal = condition.value.map((value) => ({ field, op: '=', value }) as const);
      return this.#joined(equal, 'OR', 'false');
    }
    const value = literal(condition.value, type);
    if (condition.op === 'contains') return `coalesce(contains(${column}, ${value}), false)`;
    return `coalesce(${column} ${condition.op} ${value}, false)`;
  }

  #joined(conditions: readonly Condition[], by: string, neutral: string): string {
    return `(${[neutral, ...conditions.map((each) => this.#condition(each))].join(` ${by} `)})`;
  }

  #key(grouping: Grouping): { readonly sql: string; readonly name: string } {
    const { field, every, as } =
      typeof grouping === 'string'
        ? { field: grouping, every: undefined, as: undefined }
        : grouping;
    const name = as ?? field;
    const column = this.#column(field);
    if (every === undefined) return { sql: column, name };
    if (FRACTIONS.has(this.#typeOf(field)) || !Number.isInteger(Number(every))) {
      return { sql: `floor(${column}::DOUBLE / ${every}) * ${every} + 0.0::DOUBLE`, name };
    }
    const wide = `${column}::HUGEINT`;
    return { sql: `${wide} - ((${wide} % ${every}) + ${every}) % ${every}`, name };
  }

  #aggregate(aggregate: Aggregate): string {
    if (aggregate.field === undefined) return 'count(*)';
    const column = this.#column(aggregate.field);
    const present = `FILTER (${column} IS NOT NULL)`;
    const real = `${column}::DOUBLE`;
    switch (aggregate.fn) {
      case 'count':
        return `count(${column})`;
      case 'sum':
        return `sum(${real})`;
      case 'mean':
        return `avg(${real})`;
      case 'variance':
        return `var_samp(${real})`;
      case 'deviation':
        return `stddev_samp(${real})`;
      case 'min':
      case 'max':
        return `${aggregate.fn}(${column})`;
      case 'first':
        return `arg_min(${column}, rn) ${present}`;
      case 'last':
        return `arg_max(${column}, rn) ${present}`;
      case 'quantile':
        return this.#ranks(real, present, aggregate.at);
      case 'increase':
      case 'frequent':
        throw new Error('Not in SQL');
      default: {
        const order = `ORDER BY ${column} DESC, rn`;
        const top = (what: string): string =>
          `coalesce(list_slice(list(${what} ${order}) ${present}, 1, ${aggregate.k}), [])`;
        return `{ 'offset': ${top('rn')}, 'value': ${top(column)} }`;
      }
    }
  }

  /** The exact values between which a quantile may lie. */
  #ranks(real: string, present: string, at: number): string {
    const sorted = `list_sort(list(${real}) ${present})`;
    const rank = `${at} * (len(${sorted}) - 1)`;
    const value = (by: string): string => `${sorted}[1 + ${by}(${rank})::BIGINT]`;
    return `[${value('floor')}, ${value('ceil')}]`;
  }
}
