/** `stats`: what the fields of a log's events hold. */
import { Command, InvalidArgumentError, Option } from 'commander';
import {
  eventStats,
  type Cell,
  type EventStats,
  type FieldStats,
  type FrequentValues,
} from '../index.js';
import { collect } from './arguments.js';
import { cellText, resultJson, timeTexts } from './cell-text.js';
import { parseConditions } from './condition.js';
import { EXIT_CODES_HELP } from './exit-codes.js';
import { formatCount, plural } from './output.js';
import { printCsv, printLines, type CsvCell } from './result-output.js';
import { tableLines, terminalColumns, type TableColumn } from './result-table.js';
import { addScanningOptions, scanning, tellDamage, type ScanningOptions } from './scanning.js';
import { sparkline } from './sparkline.js';
import { isUtf8, visible } from './terminal-text.js';

const HELP = `
Of numbers: how many there are, least and largest, mean, deviation (of a sample), quantiles (within 1 %),
and how the mean goes over the log, oldest first. Of strings, booleans and enums: how many, how many
different ones (if that can be counted in bounded memory: up to about a thousand), the most frequent, the
first and the last. Fields of structs, nested tables and members of unions have their paths; vectors are
named only. The events are read once.

Examples:
  $ stratalog stats sensors
  $ stratalog stats sensors --fields value,at --where 'sensor = 7' --since 2026-01-31
  $ stratalog stats sensors --quantiles p50,p99,p99.9 --json
${EXIT_CODES_HELP}`;

interface Options extends ScanningOptions {
  readonly fields?: readonly string[];
  readonly where?: readonly string[];
  readonly quantiles?: readonly number[];
  readonly ascii?: boolean;
  readonly csv?: boolean;
  readonly json?: boolean;
}

/** Characters of a course. */
const PARTS = 24;

export function statsCommand(): Command {
  const command = new Command('stats')
    .summary('figures of every field of the events')
    .description('Computes what the fields of the events of a log hold, by several threads.')
    .argument('<log>', 'directory of the log')
    .option('--fields <paths>', 'only these, with commas between', parseNames)
    .option('--where <condition>', 'only events that meet it, as in query; all of several', collect)
    .option('--quantiles <list>', 'such as p50,p99 or 0.5,0.99 (default: p50,p90,p99)', parseShares)
    .option('--ascii', 'draw with ASCII characters only');
  return addScanningOptions(command)
    .addOption(new Option('--csv', 'print CSV, a line for each field').conflicts('json'))
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(stats);
}

function parseNames(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  if (!names.includes('')) return names;
  throw new InvalidArgumentError('Expected names of fields, with commas between.');
}

function parseShares(text: string): readonly number[] {
  return text.split(',').map((part) => {
    const [, percent, share] = /^\s*(?:p(\d+(?:\.\d+)?)|(\d*\.?\d+))\s*$/i.exec(part) ?? [];
    const at =
      percent === undefined ? Number(share) : Number((Number(percent) / 100).toPrecision(12));
    if (at >= 0 && at <= 1) return at;
    throw new InvalidArgumentError('Expected quantiles such as p50,p99.9 or 0.5,0.999.');
  });
}

async function stats(path: string, options: Options): Promise<void> {
  const { fields, quantiles, where = [] } = options;
  const result = await scanning('stats', path, options, (reader, settings) => {
    const condition = parseConditions(where, reader);
    return eventStats(reader, { ...settings, fields, quantiles, where: condition, parts: PARTS });
  });
  if (result === undefined) return;
  const { value } = result;
  if (options.json === true) await printLines([resultJson(value, 2)]);
  else if (options.csv === true) await printCsv(csvNames(value), csvRows(value));
  else await printLines(describe(value, options.ascii === true || !isUtf8()));
  tellDamage(result);
}

function describe(value: EventStats, ascii: boolean): string[] {
  const width = terminalColumns();
  const numbers = value.fields.filter(({ kind }) => kind === 'number' || kind === 'integer');
  const others = value.fields.filter((field) => !numbers.includes(field));
  const tables = [
    numbers.length === 0 ? [] : numberColumns(numbers, value.quantiles, ascii),
    others.length === 0 ? [] : otherColumns(others, ascii),
  ];
  return [
    plural(value.events, 'event'),
    ...tables.flatMap((columns) =>
      columns.length === 0 ? [] : ['', ...tableLines(columns, width, { repeat: true })],
    ),
    ...(value.skipped.length === 0 ? [] : ['', describeSkipped(value)]),
  ];
}

function describeSkipped({ skipped }: EventStats): string {
  return `Without figures: ${skipped.map(({ path, type }) => `${path} ${type}`).join(', ')}`;
}

function numberColumns(
  fields: readonly FieldStats[],
  quantiles: readonly number[],
  ascii: boolean,
): TableColumn[] {
  return [
    ...leadingColumns(fields),
    numeric('min', fields, ({ min }) => min),
    numeric('max', fields, ({ max }) => max),
    numeric('mean', fields, ({ mean }) => mean),
    plainNumbers('deviation', fields, ({ deviation }) => deviation),
    ...quantiles.map((at, i) =>
      plainNumbers(shareName(at), fields, (field) => field.quantiles[i] ?? null),
    ),
    courseColumn(fields, ascii),
  ];
}

function otherColumns(fields: readonly FieldStats[], ascii: boolean): TableColumn[] {
  const columns = [
    ...leadingColumns(fields),
    {
      name: 'distinct',
      isNumeric: true,
      cells: fields.map(({ frequent }) => (frequent === null ? '' : distinctText(frequent))),
    },
    { name: 'frequent', isNumeric: false, cells: fields.map(frequentText) },
    { name: 'first', isNumeric: false, cells: fields.map(({ first }) => cellText(first)) },
    { name: 'last', isNumeric: false, cells: fields.map(({ last }) => cellText(last)) },
  ];
  const hasCourse = fields.some(({ course }) => course.length > 0);
  return hasCourse ? [...columns, courseColumn(fields, ascii)] : columns;
}

function leadingColumns(fields: readonly FieldStats[]): TableColumn[] {
  return [
    { name: 'field', isNumeric: false, cells: fields.map(({ path }) => path) },
    { name: 'type', isNumeric: false, cells: fields.map(({ type }) => type) },
    { name: 'count', isNumeric: true, cells: fields.map(({ count }) => formatCount(count)) },
    { name: 'nulls', isNumeric: true, cells: fields.map(({ nulls }) => formatCount(nulls)) },
  ];
}

/** Values of the field: of times since 1970, times. */
function numeric(
  name: string,
  fields: readonly FieldStats[],
  of: (field: FieldStats) => Cell,
): TableColumn {
  const cells = fields.map(
    (field) => timeTexts(field.path, [of(field)])?.[0] ?? cellText(of(field)),
  );
  return { name, isNumeric: true, cells };
}

function plainNumbers(
  name: string,
  fields: readonly FieldStats[],
  of: (field: FieldStats) => Cell,
): TableColumn {
  return { name, isNumeric: true, cells: fields.map((field) => cellText(of(field))) };
}

function courseColumn(fields: readonly FieldStats[], ascii: boolean): TableColumn {
  const cells = fields.map(({ course }) => sparkline(course, { ascii }));
  return { name: 'course', isNumeric: false, cells };
}

function distinctText({ distinct }: FrequentValues): string {
  return distinct === null ? 'many' : formatCount(distinct);
}

/** `a 60%, b 30%`; at least so much, if not all values could be counted. */
function frequentText({ frequent, count }: FieldStats): string {
  if (frequent === null) return '';
  const bound = frequent.missed > 0 ? '>=' : '';
  return frequent.values
    .map((each) => `${visible(String(each.value))} ${bound}${percentText(each.count / count)}`)
    .join(', ');
}

function percentText(share: number): string {
  const percent = share * 100;
  return `${percent >= 10 || percent === 0 ? Math.round(percent) : percent.toPrecision(1)}%`;
}

/** 0.999 as `p99.9`. */
function shareName(at: number): string {
  return `p${Number((at * 100).toPrecision(12))}`;
}

function csvNames({ quantiles }: EventStats): string[] {
  const before = ['field', 'type', 'count', 'nulls', 'min', 'max', 'mean', 'deviation'];
  const behind = ['first', 'last', 'distinct', 'missed', 'frequent', 'course'];
  return [...before, ...quantiles.map(shareName), ...behind];
}

function* csvRows({ fields }: EventStats): Generator<CsvCell[]> {
  for (const field of fields) {
    const { path, type, count, nulls, min, max, mean, deviation, quantiles, first, last } = field;
    const before = [path, type, count, nulls, min, max, mean, deviation];
    const { distinct, missed, values } = field.frequent ?? NO_VALUES;
    const course = field.course.length === 0 ? null : field.course;
    yield [...before, ...quantiles, first, last, distinct, missed, values, course];
  }
}

const NO_VALUES = { distinct: null, missed: null, values: null };
