/** Pictures hold every least and largest value of the stretch that they show, however they are made. */
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { defineSchema, openEventAppender } from '../../src/index.js';
import { History, type HistoryRequest, type Picture } from '../../src/serve/history.js';
import { ServedLog } from '../../src/serve/served-log.js';
import { copyOf, flipBit } from '../support/log-damage.js';
import { ask, frameOf, served } from '../support/served.js';
import { SMALL_SEGMENT_BYTES, filesOf } from '../support/logs.js';
import { START_NS, sensorEvents, sensorLog } from '../support/sensor-log.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const schema = defineSchema('test.Point', [
  { name: 'time_ns', type: 'long' },
  { name: 'value', type: 'double', optional: true },
  { name: 'kind', type: 'string' },
]);

interface Point {
  /** Less `START_NS`. */
  readonly time: number;
  readonly value: number | null;
  readonly kind: string;
}

const open: { log: ServedLog; history: History }[] = [];
afterEach(async () => {
  for (const { log, history } of open.splice(0)) {
    await history.close();
    await log.close();
  }
});

async function logOf(points: readonly Point[]): Promise<string> {
  const path = temporaryLogPath();
  const appender = openEventAppender(path, {
    schema,
    maintenance: false,
    segmentSizeBytes: SMALL_SEGMENT_BYTES,
    commit: { bytes: 900 },
  });
  for (const { time, value, kind } of points) {
    appender.append({ time_ns: START_NS + BigInt(time), value, kind });
  }
  await appender.close();
  return path;
}

/** As if logs were long that have some hundred events. */
const LONG = { directEvents: 64, refinedEvents: 1e6, blockEvents: 8, maxBlocks: 2 ** 17 };
const SHORT = { ...LONG, directEvents: 1e6 };

function opened(path: string, limits = LONG): { log: ServedLog; history: History } {
  const log = new ServedLog(path, undefined);
  const pair = { log, history: new History(log, limits) };
  open.push(pair);
  return pair;
}

const REQUEST: HistoryRequest = {
  x: 'time_ns',
  ys: ['value'],
  by: undefined,
  stretch: { from: undefined, to: undefined },
  pixels: 40,
  before: undefined,
};

/** Asks until everything has been looked at, and the blocks are there, if there are any. */
async function drawn(
  history: History,
  request: HistoryRequest,
): Promise<Picture & { readonly pixels: number }> {
  for (;;) {
    const picture = await history.draw(request, new AbortController().signal);
    if (picture.isComplete && picture.progress === 1) return { ...picture, pixels: request.pixels };
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Least and largest value of each line of the events between two x, of those in a picture's bucket. */
function expectBuckets(
  picture: Picture & { readonly pixels: number },
  points: readonly Point[],
  names: readonly string[],
): void {
  const { extremes } = picture;
  const origin = Number(picture.origin - START_NS);
  const pixel = (picture.to - picture.from) / picture.pixels;
  let seen = 0;
  for (let i = 0; i < extremes.buckets; i++) {
    const [low, high] = [extremes.xMin[i] as number, extremes.xMax[i] as number];
    const inside = points.filter(({ time }) => time - origin >= low && time - origin <= high);
    seen += inside.length;
    // Of the pixel that it is drawn in, and no more than a pixel beside.
    expect(high - low).toBeLessThanOrEqual(2 * pixel);
    names.forEach((name, line) => {
      const values = inside
        .filter(({ kind, value }) => value !== null && (name === '' || kind === name))
        .map(({ value }) => value as number);
      const found = [extremes.min[line]?.[i], extremes.max[line]?.[i]];
      const least = values.reduce((a, b) => Math.min(a, b), Infinity);
      const largest = values.reduce((a, b) => Math.max(a, b), -Infinity);
      expect(found).toEqual([least, largest]);
    });
  }
  const within = points.filter(
    ({ time }) => time - origin >= picture.from && time - origin <= picture.to,
  );
  // Each event is in one bucket.
  expect(seen).toBe(within.length);
}

/** Times grow, by steps of very different length. */
const pointsOf = fc
  .array(
    fc.record({
      step: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 100_000 })),
      value: fc.oneof(
        { weight: 8, arbitrary: fc.double({ noNaN: true }) },
        { weight: 1, arbitrary: fc.constant(null) },
      ),
      kind: fc.constantFrom('a', 'b', 'c'),
    }),
    { minLength: 1, maxLength: 400, size: 'max' },
  )
  .map((steps) => {
    let time = 0;
    return steps.map(({ step, ...rest }): Point => ({ ...rest, time: (time += step) }));
  });

const stretchOf = fc.record({
  from: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.double({ min: 0, max: 1, noNaN: true }),
  pixels: fc.integer({ min: 16, max: 200 }),
});

describe('a picture of any stretch', () => {
  it.each([
    ['scanned', SHORT],
    ['put together of blocks', LONG],
    ['put together of blocks that had become too many', { ...LONG, maxBlocks: 8 }],
  ])('is what a look at each event finds, when it is %s', async (_, limits) => {
    await fc.assert(
      fc.asyncProperty(pointsOf, stretchOf, async (points, { from, length, pixels }) => {
        const { history } = opened(await logOf(points), limits);
        const whole = points.at(-1)?.time ?? 0;
        const begin = START_NS + BigInt(Math.floor(from * whole));
        const end = begin + BigInt(Math.ceil(length * whole));
        const stretch = { from: String(begin), to: String(end) };
        expectBuckets(await drawn(history, { ...REQUEST, stretch, pixels }), points, ['']);
        expectBuckets(await drawn(history, { ...REQUEST, pixels }), points, ['']);
        const split = await drawn(history, { ...REQUEST, by: 'kind', pixels });
        expectBuckets(split, points, split.lineNames ?? []);
      }),
      { numRuns: 8 },
    );
  });

  it('has a bucket for each pixel at most, and no block in it that is wider than one', async () => {
    const points = Array.from({ length: 4000 }, (_, i) => ({ time: i * 10, value: i, kind: 'a' }));
    const { history } = opened(await logOf(points));
    const { extremes, from, to } = await drawn(history, REQUEST);
    expect(extremes.buckets).toBe(40);
    const pixel = (to - from) / 40;
    for (let i = 0; i < extremes.buckets; i++) {
      expect((extremes.xMax[i] as number) - (extremes.xMin[i] as number)).toBeLessThan(2 * pixel);
    }
  });

  it('of one whose times are in no order holds all of its events', async () => {
    const points = Array.from({ length: 500 }, (_, i) => ({
      time: (i * 7919) % 1000,
      value: i,
      kind: 'a',
    }));
    for (const limits of [SHORT, LONG]) {
      const { history } = opened(await logOf(points), limits);
      const stretch = { from: String(START_NS + 200n), to: String(START_NS + 300n) };
      const { extremes } = await drawn(history, { ...REQUEST, stretch });
      const inside = points.filter(({ time }) => time >= 200 && time <= 300);
      const values = inside.map(({ value }) => value);
      expect(Math.min(...(extremes.min[0] ?? []))).toBe(Math.min(...values));
      expect(Math.max(...(extremes.max[0] ?? []))).toBe(Math.max(...values));
    }
  });

  it('says that it is not complete as long as only some events were looked at', async () => {
    const points = Array.from({ length: 20_000 }, (_, i) => ({
      time: i,
      value: i % 100,
      kind: 'a',
    }));
    const { history } = opened(await logOf(points), { ...LONG, refinedEvents: 1000 });
    const first = await history.draw(REQUEST, new AbortController().signal);
    expect(first.isComplete).toBe(false);
    expect(first.extremes.buckets).toBeGreaterThan(1);
    const last = await drawn(history, REQUEST);
    expect(last.progress).toBe(1);
    expectBuckets(last, points, ['']);
  });

  it('grows with the log, also when blocks become too many', async () => {
    const path = temporaryLogPath();
    const appender = openEventAppender(path, { schema, commit: 'each', flush: 'none' });
    const append = (from: number, to: number): void => {
      for (let i = from; i < to; i++)
        appender.append({ time_ns: START_NS + BigInt(i), value: i, kind: 'a' });
    };
    append(0, 300);
    const { history } = opened(path, { ...LONG, maxBlocks: 40 });
    expect((await drawn(history, REQUEST)).offsets).toEqual({ from: 0, to: 300 });
    append(300, 900);
    const { extremes, offsets } = await drawn(history, REQUEST);
    expect(offsets).toEqual({ from: 0, to: 900 });
    const points = Array.from({ length: 900 }, (_, i) => ({ time: i, value: i, kind: 'a' }));
    expectBuckets(await drawn(history, { ...REQUEST, pixels: 16 }), points, ['']);
    expect(Math.max(...(extremes.max[0] ?? []))).toBe(899);
    const before = await drawn(history, { ...REQUEST, before: 500 });
    expect(Math.max(...(before.extremes.max[0] ?? []))).toBe(499);
    await appender.close();
  });

  it('is of what is left, where the log has lost its beginning', async () => {
    const path = temporaryLogPath();
    const appender = openEventAppender(path, {
      schema,
      segmentSizeBytes: SMALL_SEGMENT_BYTES,
      maintenance: false,
      flush: 'none',
    });
    for (let i = 0; i < 2000; i++)
      appender.append({ time_ns: START_NS + BigInt(i), value: i, kind: 'a' });
    // No segment begins where a block does.
    const { history, log } = opened(path, { ...LONG, blockEvents: 97 });
    await drawn(history, REQUEST);
    await appender.flush();
    await appender.records.dropBefore(1000);
    const start = log.range.from;
    expect(start).toBeGreaterThan(0);
    const { extremes, offsets } = await drawn(history, REQUEST);
    expect(offsets).toEqual({ from: start, to: 2000 });
    expect(Math.min(...(extremes.min[0] ?? []))).toBe(start);
    const stretch = { from: String(START_NS), to: String(START_NS + 1999n) };
    const wider = await drawn(history, { ...REQUEST, stretch, pixels: 16 });
    expect(Math.min(...(wider.extremes.min[0] ?? []))).toBe(start);
    await appender.close();
  });

  it('leaves out what is damaged, and draws the rest', async () => {
    const points = Array.from({ length: 1000 }, (_, i) => ({ time: i, value: i, kind: 'a' }));
    const copy = copyOf(await logOf(points));
    flipBit(filesOf(copy, '.log')[1] as string, 6000);
    for (const limits of [SHORT, LONG]) {
      const { history } = opened(copy, limits);
      const { extremes } = await drawn(history, { ...REQUEST, pixels: 1000 });
      expect(extremes.buckets).toBeGreaterThan(500);
      expect(extremes.buckets).toBeLessThan(1000);
    }
  });

  it('is given up when nobody waits for it any more', async () => {
    const points = Array.from({ length: 1000 }, (_, i) => ({ time: i, value: i, kind: 'a' }));
    const { history } = opened(await logOf(points));
    const reason = new Error('gone');
    const gone = AbortSignal.abort(reason);
    await expect(history.draw({ ...REQUEST, stretch: { last: 10 } }, gone)).rejects.toBe(reason);
  });
});

describe('a request for history', () => {
  it('is answered with numbers, where along x they are, and what they count from', async () => {
    const server = await served(await sensorLog(sensorEvents(1000)));
    const { status, body } = await ask(
      server,
      '/api/history?x=time_ns&y=value,big&by=sensor&px=100',
    );
    expect(status).toBe(200);
    const { head, xMin, max } = frameOf(body);
    expect(head).toMatchObject({
      origin: String(START_NS),
      from: 0,
      to: 999e9,
      lineNames: ['0', '1', '2', '3'],
      offsets: { from: 0, to: 1000 },
      isComplete: true,
    });
    expect(xMin[0]).toBe(0);
    expect(head.series).toHaveLength(8);
    expect(Math.max(...(max[0] ?? []))).toBe(124.5);
  });

  it.each([
    ['no field', ''],
    ['nine fields', 'y=value,big,ok,late_us,sensor,time_ns,$offset,$timeMs,x'],
    ['a field that there is not', 'y=nothing'],
    ['a field that is text', 'y=label'],
    ['a field of the language', 'y=__proto__'],
    ['a pixel too many', 'y=value&px=4097'],
    ['too few pixels', 'y=value&px=1'],
    ['no number of pixels', 'y=value&px=1e3'],
    ['pixels twice', 'y=value&px=100&px=100'],
    ['a parameter that there is not', 'y=value&path=/etc/passwd'],
    ['a stretch that is none', 'y=value&from=now'],
    ['a stretch of infinite length', 'y=value&to=Infinity'],
    ['a stretch with too many digits', `y=value&from=${'9'.repeat(40)}`],
    ['a stretch that ends before it begins', 'y=value&from=10&to=5'],
    ['a client with odd characters', 'y=value&client=../x'],
    ['an offset that is none', 'y=value&before=-1'],
    ['a name without an end', `y=${'a'.repeat(2000)}`],
  ])('is refused for %s', async (_, query) => {
    const server = await served(await sensorLog(sensorEvents(10)));
    expect((await ask(server, `/api/history?${query}`)).status).toBe(400);
  });

  it.each([
    'from=-1e300&to=1e300',
    'from=0&to=99999999999999999999',
    'from=1e300',
    'last=0',
    'last=1e300',
  ])('may be for more, or less, than there is: %s', async (stretch) => {
    const server = await served(await sensorLog(sensorEvents(50)));
    for (const x of ['time_ns', '$offset', '$timeMs', 'big']) {
      const { status } = await ask(server, `/api/history?x=${x}&y=value&${stretch}`);
      expect([200, 400]).toContain(status);
    }
    expect((await ask(server, '/api/log')).status).toBe(200);
  });

  it('by a client drops what it has asked for before', async () => {
    const server = await served(await sensorLog(sensorEvents(1000)));
    const query = '/api/history?y=value&client=one';
    const answers = await Promise.all(Array.from({ length: 12 }, () => ask(server, query)));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.at(-1)).toBe(200);
    expect(new Set(statuses)).toEqual(new Set([200, 409]));
    const others = await Promise.all(
      Array.from({ length: 12 }, (_, i) => ask(server, `/api/history?y=value&client=c${i}`)),
    );
    expect(others.map(({ status }) => status)).toEqual(others.map(() => 200));
  });

  it('that is cut off in the middle leaves the server at work', async () => {
    const server = await served(await sensorLog(sensorEvents(5000)));
    const cut = Array.from({ length: 50 }, async (_, i) => {
      const ending = new AbortController();
      const asked = ask(server, '/api/history?y=value&px=4000', { signal: ending.signal });
      setTimeout(() => ending.abort(), i);
      await asked.catch(() => {});
    });
    await Promise.all(cut);
    expect((await ask(server, '/api/history?y=value')).status).toBe(200);
  });
});
