/** What people type on the command line. */
import type { EventSchema } from '../../dist/index.js';
import type { Library } from './library.js';
import { ascii, isMisuse, outcome, type Target } from './target.js';

export function wordTargets(library: Library): Target[] {
  const schema = library.index.defineSchema('Row', [
    { name: 'n', type: 'long' },
    { name: 'value', type: 'double', optional: true },
    { name: 'name', type: 'string' },
    { name: 'ok', type: 'bool' },
    { name: 'time_ns', type: 'long' },
    { name: 'wait_ms', type: 'int' },
  ]) as EventSchema;
  return [
    cliArguments(library),
    conditions(library, schema),
    questions(library, schema),
    terminalText(library),
  ];
}

/** The first character says which argument it is. */
function cliArguments({ arguments: format, duration }: Library): Target {
  const isWhole = (value: unknown): boolean =>
    Number.isSafeInteger(value) && (value as number) >= 0;
  const parsers: readonly [(text: string) => unknown, (value: unknown) => boolean][] = [
    [format.parseSize, (value) => isWhole(value) && value !== 0],
    [format.parseCount, isWhole],
    [format.parseWorkers, (value) => isWhole(value) && value !== 0],
    [format.parseMilliseconds, (value) => isWhole(value) && value !== 0],
    [format.parseSeconds, (value) => (value as number) > 0 && (value as number) <= 2_147_483],
    [format.parseTime, (value) => Number.isFinite(value)],
    [
      format.parsePlace,
      (value) =>
        typeof value === 'string' || isWhole(Object.values(value as Record<string, unknown>)[0]),
    ],
    [duration.durationNs, (value) => value === undefined || (value as number) >= 0],
    [format.parseJson, () => true],
  ];
  return {
    name: 'cli-arguments',
    files: ['cli/arguments', 'cli/duration'],
    maxBytes: 96,
    executions: 120_000,
    seeds: ascii(
      '064MiB',
      '01.5G',
      '142',
      '28',
      '3250',
      '41.5',
      '52026-01-31T12:00:00.5+02:00',
      '5170000',
      '6-5',
      '6end',
      '65',
      '7100ms',
      '71.5 h',
      '8{"a":[1]}',
    ),
    words: ascii(
      'K',
      'MiB',
      '-',
      '.',
      'T',
      'Z',
      'ms',
      'us',
      '0',
      '9007199254740991',
      '1e5',
      '٣',
      '\n',
      ' ',
      ',',
    ),
    run(input) {
      const text = Buffer.from(input.subarray(1)).toString();
      const [parse, isSound] = parsers[
        (((input[0] ?? 48) + 2) % 10) % parsers.length
      ] as (typeof parsers)[number];
      return outcome(
        () => {
          const value = parse(text);
          if (!isSound(value))
            throw new Error(`Cannot be: ${JSON.stringify(value)} of ${JSON.stringify(text)}`);
          return typeof value === 'object' ? JSON.stringify(value) : value;
        },
        (error) => (error as { code?: unknown }).code === 'commander.invalidArgument',
      );
    },
  };
}

const FIELDS = ['n', 'value', 'name', 'ok', 'time_ns', 'wait_ms', '$offset', '$timeMs'];

function conditions({ condition, plan, index }: Library, schema: EventSchema): Target {
  const kinds = condition.kindsOf(index.eventFields(schema));
  return {
    name: 'cli-conditions',
    files: [
      'cli/condition',
      'cli/duration',
      'cli/arguments',
      'query/plan',
      'query/fields',
      'query/nearest',
    ],
    maxBytes: 512,
    executions: 15_000,
    seeds: ascii(
      'n = 7',
      'not value >= 20.5',
      'name contains "x y"',
      'name in a, "b,c",\'d\'',
      'value present',
      'ok = true',
      'time_ns >= 2026-01-31T12:00:00.123456789Z',
      'wait_ms < 5s',
      'n = 18446744073709551615',
      '{"any":[{"field":"value","op":"present"},{"not":{"field":"n","op":"in","value":[1,2]}}]}',
    ),
    words: ascii(
      ...FIELDS,
      'not ',
      ' contains ',
      ' in ',
      ' present',
      '==',
      '!=',
      '<=',
      '"',
      "'",
      ',',
      '\\',
      '   ',
      '{"not":',
      '}',
      '"all":[',
      ']',
      '"op":',
      '"value":',
      '"field":',
      'null',
      '9007199254740993',
      '.',
      '1e999',
      '"__proto__":',
    ),
    run(input) {
      const text = Buffer.from(input).toString();
      return outcome(
        () => {
          const where = condition.parseCondition(text, kinds);
          plan.planQueries(schema, [{ where }]);
          return 'planned';
        },
        (error) => error instanceof index.InputError || isMisuse(error),
      );
    },
  };
}

/** By the first character: a selection, a grouping, an order; then all of them in a query. */
function questions({ queryWords, plan, index }: Library, schema: EventSchema): Target {
  return {
    name: 'cli-queries',
    files: [
      'cli/query-words',
      'cli/duration',
      'query/plan',
      'query/fields',
      'query/accumulators',
      'query/nearest',
    ],
    maxBytes: 256,
    executions: 25_000,
    seeds: ascii(
      '0count, mean(value), p99.9(value) as slow, top(value, 3)',
      '1time_ns/5m as t',
      '1value/10',
      '2count:desc',
      '2mean(value):asc',
      '0quantile(value, 0.5),frequent(name),increase(n),median(wait_ms)',
      '1n/9007199254740993',
    ),
    words: ascii(
      ...FIELDS,
      'count',
      'mean(',
      'p99(',
      'top(',
      'frequent(',
      'quantile(',
      ')',
      ',',
      ' as ',
      ':desc',
      '/',
      '5m',
      '1d',
      '0',
      '-1',
      '1e999',
      '999999999999',
      '*',
      '   ',
      '__proto__',
      'constructor',
      '(',
      '.',
    ),
    run(input) {
      const text = Buffer.from(input.subarray(1)).toString();
      return outcome(
        () => {
          switch ((input[0] ?? 0) % 3) {
            case 0:
              plan.planQueries(schema, [{ select: queryWords.parseSelect([text]) }]);
              break;
            case 1:
              plan.planQueries(schema, [{ groupBy: [queryWords.parseGrouping(text)] }]);
              break;
            default:
              plan.planQueries(schema, [{ orderBy: queryWords.parseOrder(text) }]);
          }
          return 'planned';
        },
        (error) => error instanceof index.InputError || isMisuse(error),
      );
    },
  };
}

/** Data on a terminal moves no cursor. */
function terminalText({ terminalText: format }: Library): Target {
  return {
    name: 'terminal-text',
    files: ['cli/terminal-text'],
    maxBytes: 128,
    executions: 60_000,
    seeds: ascii('plain', 'a\u001b[2Jb', '漢字\u202e', 'tab\tnew\nline'),
    words: ascii(
      '\u001b',
      '\u0007',
      '\u009b',
      '\u2028',
      '\u202e',
      '😀',
      '\r',
      '\n',
      '\u200d',
      '漢',
    ),
    run(input) {
      const text = Buffer.from(input).toString();
      const columns = (input[0] ?? 0) % 40;
      const shown = format.visible(text);
      const cut = format.cut(text, columns);
      const short = format.shorten(shown, columns);
      const unsafe = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;
      if (unsafe.test(shown + short) || /\p{Cc}/u.test(cut)) {
        throw new Error(`It moves the cursor: ${JSON.stringify([shown, short, cut])}`);
      }
      if (format.widthOf(cut) > columns || format.widthOf(short) > columns)
        throw new Error('It is too wide');
      return short;
    },
  };
}
