/** What a query must not be. */
import { beforeAll, describe, expect, it } from 'vitest';
import {
  eventSchema,
  openEventAppender,
  queryEvents,
  type EventSchema,
  type Query,
} from '../../src/index.js';
import { Flatc } from '../support/flatc.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const FBS = `
namespace misuse;
enum Kind:byte { Idle, Moving }
struct Vector { x:double; }
table Part { size:int; }
union Body { Part }
table Event {
  time_ns:long; n:int; ok:bool; kind:Kind; text:string; at:Vector; list:[int]; part:Part; body:Body;
  gone:int (deprecated);
}
root_type Event;`;

let schema: EventSchema;
beforeAll(async () => {
  schema = eventSchema((await Flatc.start()).schema(FBS));
});

/** Untyped, as it may come from a file. */
const TABLE: readonly (readonly [what: string, query: unknown, message: string])[] = [
  [
    'an unknown field',
    { groupBy: ['nn'] },
    'Cannot find field nn: misuse.Event has no nn, but n, time_ns, ok, kind, text, at, list, part, body',
  ],
  ['a deprecated field', { groupBy: ['gone'] }, 'Cannot find field gone: misuse.Event has no gone'],
  [
    'a field of a struct that has none such',
    { groupBy: ['at.y'] },
    'misuse.Vector has no y, but x',
  ],
  [
    'a field of a scalar',
    { groupBy: ['n.x'] },
    'Cannot find field n.x: there is nothing within a scalar',
  ],
  [
    'a member that a union does not have',
    { groupBy: ['body.Whole.size'] },
    'misuse.Body has no Whole, but Part',
  ],
  [
    'a struct as a key',
    { groupBy: ['at'] },
    'Cannot ask for at: it is a struct, not a single value',
  ],
  ['a vector as a key', { groupBy: ['list'] }, 'it is a vector, not a single value'],
  ['a table as a key', { groupBy: ['part'] }, 'it is a table, not a single value'],
  ['no field at all', { groupBy: [7] }, 'Invalid grouping: expected an object, got 7'],
  [
    'the sum of a string',
    { select: { a: { fn: 'sum', field: 'text' } } },
    'Cannot compute sum of text: it is a string',
  ],
  [
    'an unknown function',
    { select: { a: { fn: 'maen', field: 'n' } } },
    'Cannot compute "maen": there are mean, count, sum, variance, deviation, min, max, first, last, increase, quantile, top, frequent',
  ],
  ['a sum of nothing', { select: { a: { fn: 'sum' } } }, 'Cannot compute sum: of which field?'],
  [
    'a quantile beyond 1',
    { select: { a: { fn: 'quantile', field: 'n', at: 99 } } },
    'Cannot compute a quantile at 99',
  ],
  [
    'a quantile without a share',
    { select: { a: { fn: 'quantile', field: 'n' } } },
    'Cannot compute a quantile at undefined',
  ],
  ['the top 0', { select: { a: { fn: 'top', field: 'n', k: 0 } } }, 'Invalid k'],
  [
    'buckets of a string',
    { groupBy: [{ field: 'text', every: 3 }] },
    'Cannot make buckets of text: it is no number',
  ],
  [
    'buckets of no width',
    { groupBy: [{ field: 'n', every: 0 }] },
    'Cannot make buckets of n: their width is 0',
  ],
  [
    'buckets that are not a number wide',
    { groupBy: [{ field: 'n', every: NaN }] },
    'their width is NaN',
  ],
  [
    'buckets as wide as a word',
    { groupBy: [{ field: 'time_ns', every: 'hour' }] },
    'Cannot make buckets of time_ns: their width is hour',
  ],
  [
    'fractional buckets of 64-bit integers',
    { groupBy: [{ field: 'time_ns', every: 0.5 }] },
    'their width is 0.5',
  ],
  ...[1, 0.5, NaN, Infinity].map((growth): [string, unknown, string] => [
    `buckets that grow by ${growth}`,
    { groupBy: [{ field: 'n', growth }] },
    `Cannot make buckets of n: they grow by ${growth}, not 1.001 or more`,
  ]),
  [
    'buckets that grow, of a boolean',
    { groupBy: [{ field: 'ok', growth: 2 }] },
    'Cannot make buckets of ok: it is no number',
  ],
  [
    'buckets of two kinds at once',
    { groupBy: [{ field: 'n', growth: 2, every: 2 }] },
    'Cannot make buckets of n: they have a width or a growth, not both',
  ],
  [
    'two columns of one name',
    { groupBy: ['n', { field: 'ok', as: 'n' }] },
    'two columns are called n',
  ],
  [
    'an order by what is not there',
    { orderBy: { name: 'n' } },
    'Cannot order by n: the result has count',
  ],
  ['a negative limit', { limit: -1 }, 'Invalid limit'],
  [
    'a number compared with text',
    { where: { field: 'n', op: '=', value: '7' } },
    'Cannot compare n with "7": it is a number',
  ],
  [
    'text compared with a number',
    { where: { field: 'text', op: '=', value: 7 } },
    'Cannot compare text with 7: it is a string',
  ],
  [
    'a boolean compared with a number',
    { where: { field: 'ok', op: '=', value: 1 } },
    'it is a boolean',
  ],
  [
    'an unknown name of an enum',
    { where: { field: 'kind', op: '=', value: 'Idel' } },
    'it is one of Idle, Moving',
  ],
  [
    'a rounded 64-bit integer',
    { where: { field: 'time_ns', op: '>', value: 2 ** 60 } },
    'a 64-bit integer (a safe integer or a bigint)',
  ],
  ['an unknown comparison', { where: { field: 'n', op: '~', value: 1 } }, 'Cannot compare by "~"'],
  ['a search in a number', { where: { field: 'n', op: 'contains', value: 'x' } }, 'Cannot'],
  [
    'a misspelt part',
    { groupby: ['n'] },
    'Invalid query: expected where, groupBy, select, orderBy, limit, got groupby',
  ],
  [
    'a misspelt part of an aggregate',
    { select: { a: { fn: 'count', feild: 'n' } } },
    'Invalid aggregate: expected fn, field, at, k, got feild',
  ],
  [
    'two conditions in one',
    { where: { all: [], field: 'n' } },
    'Invalid condition: expected all, got field',
  ],
  [
    'one condition in place of several',
    { where: { all: { field: 'n', op: 'present' } } },
    'Invalid all: expected an array',
  ],
  [
    'one value in place of several',
    { where: { field: 'n', op: 'in', value: 3 } },
    'Invalid in: expected an array, got 3',
  ],
  ['one key in place of several', { groupBy: 'n' }, 'Invalid groupBy: expected an array, got "n"'],
  ['no query', null, 'Invalid query: expected an object, got null'],
  ['no condition', { where: null }, 'Invalid condition: expected an object, got null'],
  ['a condition that says nothing', { where: {} }, 'Invalid field'],
];

describe('queryEvents()', () => {
  it.each(TABLE)('refuses %s', async (_what, query, message) => {
    const log = temporaryLogPath();
    await openEventAppender(log, { schema, maintenance: false }).close();
    const asked = queryEvents(log, query as Query);
    await expect(asked).rejects.toThrow(message);
    await expect(asked).rejects.toSatisfy(
      (error) => error instanceof TypeError || error instanceof RangeError,
    );
  });
});
