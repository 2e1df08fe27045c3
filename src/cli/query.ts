/** `query`: questions about events, answered as a table. */
import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import {
  queryEvents,
  type Cell,
  type Query,
  type QueryTable,
  type Reader,
  type ScanResult,
} from '../index.js';
import { collect, parseCount } from './arguments.js';
import { cellText, timeTexts } from './cell-text.js';
import { parseConditions } from './condition.js';
import { EXIT_CODES_HELP, InputError } from './exit-codes.js';
import { parseGrouping, parseOrder, parseSelect } from './query-words.js';
import { printCsv, printJsonRows, printLines } from './result-output.js';
import { tableLines, terminalColumns, type TableColumn } from './result-table.js';
import { addScanningOptions, scanning, tellDamage, type ScanningOptions } from './scanning.js';

const HELP = `
Fields are named by their paths: value, at.x, body.Tick.price; body_type is which member a union holds;
every event has $offset, and $timeMs, when it was committed.

Conditions are one comparison each, and all of them have to hold:
  --where 'sensor = 7'                  also != < <= > >=
  --where 'name contains "x y"'         quotes where there are spaces at the ends, or commas
  --where 'kind in Idle,Moving'         one of several values
  --where 'rate present'                there is a value
  --where 'not rate present'            'not' before any of them
  --where 'time_ns >= 2026-01-31T12:00Z'   of fields that are times, which end with _ns, _us, _ms or _s

Groups are values of a field, or buckets of it, as wide as a number or a duration:
  --group-by sensor --group-by value/10 --group-by time_ns/5m

Aggregates: count, count(f), sum(f), mean(f), variance(f), deviation(f), min(f), max(f), first(f), last(f),
median(f), p99(f), quantile(f, 0.99), top(f, 3) (largest values and their offsets), and frequent(f, 3)
(values that occur most often).

Beyond that, a query is JSON, as queryEvents() of the library takes it:
  {"where": {"any": [{"field": "sensor", "op": "=", "value": 7}, {"field": "rate", "op": "present"}]},
   "groupBy": [{"field": "time_ns", "every": 60000000000, "as": "minute"}],
   "select": {"n": {"fn": "count"}, "slow": {"fn": "quantile", "field": "value", "at": 0.99}},
   "orderBy": {"name": "slow", "descending": true}, "limit": 10}

Tables show numbers to seven digits, and times as such; CSV and JSON have them as they are, JSON with
integers past 2^53 as text.

Examples:
  $ stratalog query sensors --group-by sensor --select 'count, mean(value), p99(value)'
  $ stratalog query sensors --where 'sensor = 7' --group-by time_ns/1m --select 'max(value) as peak' \\
      --order-by peak:desc --limit 10
  $ stratalog query sensors --since 2026-01-31 --csv > sensors.csv
  $ stratalog query sensors --query '{"groupBy": ["sensor"]}' --json | jq '.[].count'
${EXIT_CODES_HELP}`;

interface Options extends ScanningOptions, QueryOptions {
  readonly csv?: boolean;
  readonly json?: boolean;
}

interface QueryOptions {
  readonly where?: readonly string[];
  readonly groupBy?: readonly string[];
  readonly select?: readonly string[];
  readonly orderBy?: string;
  readonly limit?: number;
  readonly query?: string;
}

export function queryCommand(): Command {
  const command = new Command('query')
    .summary('ask something of all events: filter, group, aggregate')
    .description('Answers a question about the events of a log, by several threads.')
    .argument('<log>', 'directory of the log')
    .option('--where <condition>', 'only events that meet it; all of several', collect)
    .option(
      '--group-by <field[/width]>',
      'a row for each value, or bucket; of several: each pair',
      collect,
    )
    .option('--select <aggregates>', 'what to compute for each group (default: count)', collect)
    .option('--order-by <name[:desc]>', "by this column (default: by the groups')")
    .option('--limit <n>', 'so many rows, the first', parseCount)
    .addOption(
      new Option(
        '--query <json>',
        'the query as JSON, or a file of it, or - for standard input',
      ).conflicts(['where', 'groupBy', 'select', 'orderBy', 'limit']),
    );
  return addScanningOptions(command)
    .addOption(new Option('--csv', 'print CSV').conflicts('json'))
    .option('--json', 'print an array of rows as JSON')
    .addHelpText('after', HELP)
    .action(answer);
}

async function answer(path: string, options: Options): Promise<void> {
  let asked: Query = {};
  const result = await scanning('query', path, options, (reader, settings) => {
    asked = questionOf(reader, options);
    return queryEvents(reader, asked, settings);
  });
  if (result === undefined) return;
  await show(result, asked, options);
  tellDamage(result);
}

function questionOf(reader: Reader, { query, ...options }: QueryOptions): Query {
  if (query !== undefined) return parseQuery(query);
  const { where = [], groupBy, select, orderBy, limit } = options;
  const condition = parseConditions(where, reader);
  return {
    ...(condition === undefined ? {} : { where: condition }),
    ...(groupBy === undefined ? {} : { groupBy: groupBy.map(parseGrouping) }),
    ...(select === undefined ? {} : { select: parseSelect(select) }),
    ...(orderBy === undefined ? {} : { orderBy: parseOrder(orderBy) }),
    ...(limit === undefined ? {} : { limit }),
  };
}

function parseQuery(text: string): Query {
  const isInline = text.trimStart().startsWith('{');
  const json = isInline ? text : readFileSync(text === '-' ? 0 : text, 'utf8');
  try {
    return JSON.parse(json) as Query;
  } catch (error) {
    const where = isInline ? 'the query' : text === '-' ? 'standard input' : text;
    throw new InputError(`Cannot read ${where} as JSON: ${(error as Error).message}`);
  }
}

async function show(
  { value: table }: ScanResult<QueryTable>,
  asked: Query,
  { csv, json }: Options,
): Promise<void> {
  const { names, rows } = table;
  if (json === true) await printJsonRows(rows);
  else if (csv === true) await printCsv(names, cellsOf(table));
  else await printLines(tableLines(columnsOf(table, fieldsOf(asked)), terminalColumns()));
}

function* cellsOf({ names, rows }: QueryTable): Generator<Cell[]> {
  for (const row of rows) yield names.map((name) => row[name] as Cell);
}

function columnsOf(
  { names, columns }: QueryTable,
  fields: ReadonlyMap<string, string>,
): TableColumn[] {
  return names.map((name) => {
    const cells = columns[name] as readonly Cell[];
    const field = fields.get(name);
    const times = field === undefined ? undefined : timeTexts(field, cells);
    return { name, isNumeric: areNumbers(cells), cells: times ?? cells.map(cellText) };
  });
}

export function areNumbers(cells: readonly Cell[]): boolean {
  return cells.every(
    (cell) => cell === null || typeof cell === 'number' || typeof cell === 'bigint',
  );
}

/** Which field the values of a column are values of, if they are. */
function fieldsOf({ groupBy = [], select = {} }: Query): Map<string, string> {
  const keys = groupBy.map((grouping): [string, string] =>
    typeof grouping === 'string'
      ? [grouping, grouping]
      : [grouping.as ?? grouping.field, grouping.field],
  );
  const values = Object.entries(select).flatMap(([name, { fn, field }]): [string, string][] =>
    field !== undefined && ['min', 'max', 'first', 'last'].includes(fn) ? [[name, field]] : [],
  );
  return new Map([...keys, ...values]);
}
