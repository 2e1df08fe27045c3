/**
 * Isolates: what a plot costs, of time and a value, in pools of 1 and 2 threads that exist already, warm.
 * Beside it the queries that it consists of, and the column scan that is their limit: two passes, one for
 * the ends of time and one for the columns of the picture. Then what the picture itself costs, and how
 * much memory of the process has grown over all.
 *
 *   node bench/plot.mjs [millions of events]        default 50; 96 bytes each, which should fit into memory
 */
import { Piscina } from 'piscina';
import {
  chartToPng,
  chartToSvg,
  columnPlan,
  openReader,
  plotLines,
  plotQuantiles,
  queryEvents,
} from '../dist/index.js';
import { SensorReading } from '../dist/schemas.js';
import {
  GiB,
  MiB,
  freshPath,
  line,
  median,
  seconds,
  secondsAsync,
  title,
  warmPageCache,
} from './harness.mjs';
import { makeReadings } from './readings.mjs';

const EVENTS = Number(process.argv[2] ?? 50) * 1e6;
const ROUNDS = 3;
const WARMING = 4;
const WIDTH = 1000;
const EVERY_NS = Math.ceil((EVENTS * 10_000) / WIDTH);
const field = 'value';
const ENDS = {
  select: { from: { fn: 'min', field: 'time_ns' }, to: { fn: 'max', field: 'time_ns' } },
};
const COLUMNS = {
  groupBy: [{ field: 'time_ns', every: EVERY_NS }],
  select: Object.fromEntries(
    ['min', 'max', 'first', 'last', 'mean'].map((fn) => [fn, { fn, field }]),
  ),
};

title(`plots of ${EVENTS / 1e6} M events of 7 scalars`);
warmPageCache(100 * EVENTS + GiB);
const path = freshPath('plot');
await makeReadings(path, EVENTS);
const reader = openReader(path);
showColumns();
const RUNS = {
  'query: the ends of time': (pool) => queryEvents(reader, ENDS, { pool }),
  'query: five aggregates of a thousand buckets': (pool) => queryEvents(reader, COLUMNS, { pool }),
  'plot of lines': (pool) => plotLines(reader, { y: field, width: WIDTH }, { pool }),
  'plot of lines, over offsets': (pool) =>
    plotLines(reader, { x: '$offset', y: field, width: WIDTH }, { pool }),
  'plot of percentiles': (pool) => plotQuantiles(reader, { field }, { pool }),
};
for (const [name, run] of Object.entries(RUNS)) await show(name, run);
await showPicture();
reader.close();

async function show(name, run) {
  const spent = [[], []];
  let grown = 0;
  for (const threads of [1, 2]) {
    const pool = new Piscina({ minThreads: threads, maxThreads: threads });
    for (let i = 0; i < WARMING; i++) await run(pool);
    const before = ownBytes();
    for (let i = 0; i < ROUNDS; i++) {
      spent[threads - 1].push(await secondsAsync(() => run(pool)));
      grown = Math.max(grown, ownBytes() - before);
    }
    await pool.destroy();
  }
  const [one, two] = spent.map((taken) => EVENTS / median(taken));
  line(`${name}, 1 thread`, one, 'ev', `${(1e9 / one).toFixed(1)} ns`);
  const note = `${(two / one).toFixed(2)} x, heap grown by ${(grown / MiB).toFixed(1)} MiB`;
  line(`${name}, 2 threads`, two, 'ev', note);
}

/** Of this thread, without what is mapped. */
function ownBytes() {
  return process.memoryUsage().heapUsed;
}

async function showPicture() {
  const { value } = await plotLines(reader, { y: field, width: WIDTH });
  const svg = chartToSvg(value);
  const taken = Array.from({ length: 20 }, () => seconds(() => chartToSvg(value)));
  const png = await chartToPng(value);
  const drawn = [];
  for (let i = 0; i < 5; i++) drawn.push(await secondsAsync(() => chartToPng(value)));
  const ms = (list) => `${(median(list) * 1000).toFixed(1)} ms`;
  console.log(`  SVG ${svg.length} bytes in ${ms(taken)}; PNG ${png.length} bytes in ${ms(drawn)}`);
}

function showColumns() {
  const plan = columnPlan(SensorReading, ['time_ns', 'value'], {
    int64: 'bigint',
    numbers: 'float64',
  });
  const columns = plan.allocate(2048);
  const walk = () => {
    const cursor = reader.cursor();
    while (plan.fill(cursor, columns) > 0);
    cursor.close();
  };
  walk();
  const taken = Array.from({ length: ROUNDS }, () => seconds(walk));
  const rate = EVENTS / median(taken);
  line('its two columns alone, 1 thread', rate, 'ev', `${(1e9 / rate).toFixed(1)} ns`);
}
