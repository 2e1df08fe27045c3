/**
 * Isolates: what a query costs that groups events and takes the mean of a field, in pools of 1 and 2
 * threads that exist already, warm; and statistics of all fields. Beside it, in one thread: the columns that it needs, filled by a
 * column plan and nothing else, which is the limit.
 *
 *   node bench/query.mjs [millions of events]        default 50; 96 bytes each, which should fit into memory
 */
import { Piscina } from 'piscina';
import { columnPlan, eventStats, openReader, queryEvents } from '../dist/index.js';
import { SensorReading } from '../dist/schemas.js';
import {
  GiB,
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
const WARMING = 6;
const QUERIES = {
  'group by sensor, mean': {
    groupBy: ['sensor'],
    select: { mean: { fn: 'mean', field: 'value' } },
  },
  'the same where value > 500': {
    where: { field: 'value', op: '>', value: 500 },
    groupBy: ['sensor'],
    select: { mean: { fn: 'mean', field: 'value' } },
  },
  'group by minute, min, max and mean': {
    groupBy: [{ field: 'time_ns', every: 60_000_000_000 }],
    select: {
      min: { fn: 'min', field: 'value' },
      max: { fn: 'max', field: 'value' },
      mean: { fn: 'mean', field: 'value' },
    },
  },
  'median of all': { select: { median: { fn: 'quantile', field: 'value', at: 0.5 } } },
  'p50, p90 and p99 of all': {
    select: Object.fromEntries(
      [0.5, 0.9, 0.99].map((at) => [`p${100 * at}`, { fn: 'quantile', field: 'value', at }]),
    ),
  },
};

title(`queries over ${EVENTS / 1e6} M events of 7 scalars`);
warmPageCache(100 * EVENTS + GiB);
const path = freshPath('query');
await makeReadings(path, EVENTS);
const reader = openReader(path);
showColumns();
const asked = Object.entries(QUERIES).map(([name, query]) => ({
  name,
  run: (pool) => queryEvents(reader, query, { pool }),
}));
for (const { name, run } of [...asked, { name: 'statistics of all 7 fields', run: statistics }]) {
  const spent = [[], []];
  for (const threads of [1, 2]) {
    const pool = new Piscina({ minThreads: threads, maxThreads: threads });
    for (let i = 0; i < WARMING; i++) await checked(run, pool);
    for (let i = 0; i < ROUNDS; i++) {
      spent[threads - 1].push(await secondsAsync(() => checked(run, pool)));
    }
    await pool.destroy();
  }
  const [one, two] = spent.map((taken) => EVENTS / median(taken));
  line(`${name}, 1 thread`, one, 'ev', `${(1e9 / one).toFixed(1)} ns`);
  line(`${name}, 2 threads`, two, 'ev', `${(two / one).toFixed(2)} x`);
}
reader.close();

function statistics(pool) {
  return eventStats(reader, { pool });
}

async function checked(run, pool) {
  const { records } = await run(pool);
  if (records !== EVENTS) throw new Error(`Asked of ${records} of ${EVENTS} events`);
}

function showColumns() {
  const plan = columnPlan(SensorReading, ['sensor', 'value'], { numbers: 'float64' });
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
