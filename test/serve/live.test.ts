/** What is being appended, told to all who look, and what becomes of those who do not. */
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import {
  openAppender,
  openEventAppender,
  openMonitor,
  type EventAppender,
  type LogServer,
} from '../../src/index.js';
import { copyOf, flipBit } from '../support/log-damage.js';
import { filesOf } from '../support/logs.js';
import { sensorEvents, sensorLog, sensorSchema } from '../support/sensor-log.js';
import { ask, eventsOf, frameOf, served, type Frame } from '../support/served.js';
import { bytes, temporaryLogPath } from '../support/temporary-log.js';

const QUERY = 'x=$offset&y=value';
const endings: AbortController[] = [];
const sockets: Socket[] = [];
const appenders: EventAppender[] = [];

afterEach(async () => {
  for (const ending of endings.splice(0)) ending.abort();
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const appender of appenders.splice(0)) await appender.close();
});

function appending(
  path = temporaryLogPath(),
  events = 1,
): { path: string; append: Append; close: () => Promise<void> } {
  const appender = openEventAppender(path, {
    schema: sensorSchema,
    maintenance: false,
    flush: 'none',
    segmentSizeBytes: 65_536,
    commit: 'each',
  });
  appenders.push(appender);
  const append = (values: readonly (number | null)[]): void => {
    const [model] = sensorEvents(1);
    for (const value of values) appender.append({ ...model, value });
  };
  append(Array.from({ length: events }, () => 0));
  return { path, append, close: () => appender.close() };
}
type Append = (values: readonly (number | null)[]) => void;

/** Frames of a stream, until they have told of so many offsets. */
async function framesUpTo(
  server: LogServer,
  end: () => number,
  onHello: () => void,
  query = QUERY,
): Promise<Frame[]> {
  const ending = new AbortController();
  endings.push(ending);
  const frames: Frame[] = [];
  for await (const { event, data } of eventsOf(server, query, ending.signal)) {
    if (event === 'hello') onHello();
    if (event === 'frame') frames.push(frameOf(Buffer.from(data, 'base64')));
    if ((frames.at(-1)?.head.offsets.to ?? 0) >= end()) break;
  }
  return frames;
}

describe('a live stream', () => {
  it('has every least and largest value in its frames, none of them twice, and no gap', async () => {
    const { path, append } = appending();
    const server = await served(path);
    const values = Array.from({ length: 5000 }, (_, i) => (i % 777 === 5 ? 1e6 + i : Math.sin(i)));
    values[0] = -5e5;
    const frames = await framesUpTo(
      server,
      () => 5001,
      () => append(values),
    );
    let next = 1;
    for (const { head, xMin, xMax, min, max } of frames) {
      expect(head.offsets.from).toBe(next);
      next = head.offsets.to;
      expect(head.buckets).toBeLessThanOrEqual(32);
      for (let i = 0; i < head.buckets; i++) {
        const inside = values.slice((xMin[i] as number) - 1, xMax[i]);
        expect([min[0]?.[i], max[0]?.[i]]).toEqual([Math.min(...inside), Math.max(...inside)]);
      }
    }
    expect(next).toBe(5001);
  });

  it('is one tailer of the log, however many look at the same', async () => {
    const { path, append } = appending();
    const server = await served(path, { maxClients: 100 });
    const told = Array.from({ length: 100 }, () =>
      framesUpTo(
        server,
        () => 301,
        () => {},
      ),
    );
    const refusals = async (): Promise<number> => (await ask(server, `/api/live?${QUERY}`)).status;
    while ((await refusalOrNothing(refusals)) !== 503)
      await new Promise((go) => setTimeout(go, 20));
    const monitor = openMonitor(path);
    expect(monitor.sample().tailers.map(({ name }) => name)).toEqual(['stratalog serve']);
    monitor.close();
    append(Array.from({ length: 300 }, (_, i) => i));
    const all = await Promise.all(told);
    const whole = all.map((frames) =>
      frames.reduce((sum, { head }) => sum + head.offsets.to - head.offsets.from, 0),
    );
    expect(new Set(whole)).toEqual(new Set([300]));
  });

  it('tells a value that comes for the first time as a line of its own', async () => {
    const { path, append, close } = appending();
    const server = await served(path);
    const frames = await framesUpTo(
      server,
      () => 3,
      () => append([1, 2]),
      'x=$offset&y=value&by=label',
    );
    expect(frames[0]?.head.lineNames).toEqual(['a, "b"']);
    await close();
  });

  it('goes on over rolls, a close, and another appender', async () => {
    const { path, append, close } = appending();
    const server = await served(path);
    const go = async (): Promise<void> => {
      append(Array.from({ length: 2000 }, (_, i) => i));
      await close();
      const again = appending(path, 0);
      again.append([7e6, 8e6, 9e6]);
    };
    const frames = await framesUpTo(
      server,
      () => 2004,
      () => void go(),
    );
    const last = frames.at(-1);
    expect(Math.max(...(last?.max[0] ?? []))).toBe(9e6);
  });

  it('does not wait for a client that never reads, nor keep much for it', async () => {
    const { path, append } = appending();
    const server = await served(path);
    for (let i = 0; i < 20; i++) {
      const socket = connect(server.port, '127.0.0.1');
      sockets.push(socket);
      socket.pause();
      socket.write(
        `GET /api/live?${QUERY}&by=sensor HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`,
      );
    }
    let rounds = 0;
    let timer: NodeJS.Timeout | undefined;
    const go = (): void => {
      timer = setInterval(() => {
        append([rounds, -rounds]);
        if (++rounds === 60) clearInterval(timer);
      }, 25);
    };
    const frames = await framesUpTo(server, () => 121, go, `${QUERY}&by=sensor`);
    expect(frames.length).toBeGreaterThan(3);
    expect((await ask(server, '/api/log')).status).toBe(200);
  });

  it.each(['x=$offset&y=nothing', 'x=$offset&y=label', 'y=value&from=3', 'y=value&y=big'])(
    'is refused for %s',
    async (query) => {
      const { path } = appending();
      expect((await ask(await served(path), `/api/live?${query}`)).status).toBe(400);
    },
  );
});

async function refusalOrNothing(status: () => Promise<number>): Promise<number | undefined> {
  const waiting = new Promise<undefined>((resolve) => setTimeout(resolve, 200, undefined));
  return Promise.race([status().catch(() => undefined), waiting]);
}

describe('what the page asks besides', () => {
  it('is the log from outside: fields, bounds, segments, who writes', async () => {
    const server = await served(await sensorLog(sensorEvents(100)));
    const info = JSON.parse((await ask(server, '/api/log')).text) as Record<string, unknown>;
    expect(info).toMatchObject({
      schema: 'test.Sensor',
      damage: [],
      status: { writer: 'closed', startOffset: 0, committedOffset: 100, flushedOffset: 100 },
      segments: [{ from: 0, records: 100, isSealed: false, files: 1 }],
    });
    expect(info['fields']).toContainEqual({
      path: 'time_ns',
      type: 'long',
      kind: 'integer',
      isTime: true,
      unitNs: 1,
    });
  });

  it('is the newest records first, as text, exact', async () => {
    const server = await served(await sensorLog(sensorEvents(100)));
    const { columns, rows } = rowsIn((await ask(server, '/api/rows?n=3')).text);
    expect(columns).toEqual(['time_ns', 'sensor', 'value', 'big', 'ok', 'label', 'late_us']);
    expect(rows.map(({ offset }) => offset)).toEqual([99, 98, 97]);
    expect(rows[0]?.cells).toEqual([
      '1769860899000000000',
      '3',
      '',
      String(2n ** 64n - 2n),
      'false',
      'a, "b"',
      '9900',
    ]);
    for (const n of ['0', '201', '-1', 'x', '']) {
      expect((await ask(server, `/api/rows?n=${n}`)).status).toBe(400);
    }
  });

  it('has bytes instead of events in a log without a schema, and no plots', async () => {
    const path = temporaryLogPath();
    const appender = openAppender(path);
    appender.append(bytes('hello <script>'));
    appender.append(Uint8Array.of(0, 255, 1));
    appender.append(bytes('x'.repeat(100_000)));
    await appender.close();
    const server = await served(path);
    expect(JSON.parse((await ask(server, '/api/log')).text)).toMatchObject({ fields: [] });
    const { rows } = rowsIn((await ask(server, '/api/rows')).text);
    expect(rows.map(({ cells }) => cells)).toEqual([
      ['100000', 'x'.repeat(40)],
      ['3', '00ff01'],
      ['14', 'hello <script>'],
    ]);
    expect((await ask(server, '/api/history?y=value')).status).toBe(404);
    expect((await ask(server, '/api/live?y=value')).status).toBe(404);
  });

  it('says of damaged records that they are, and shows the others', async () => {
    const copy = copyOf(await sensorLog(sensorEvents(200)));
    flipBit(filesOf(copy, '.log')[0] as string, 6000);
    const server = await served(copy);
    const { rows } = rowsIn((await ask(server, '/api/rows?n=200')).text);
    expect(rows.some(({ problem }) => problem !== undefined)).toBe(true);
    expect((await ask(server, '/api/log')).status).toBe(200);
  });

  it('is told of an empty log as of any other', async () => {
    const { path } = appending(temporaryLogPath(), 0);
    const server = await served(path);
    expect(rowsIn((await ask(server, '/api/rows')).text).rows).toEqual([]);
    const { status, body } = await ask(server, '/api/history?x=time_ns&y=value');
    expect([status, frameOf(body).head.buckets]).toEqual([200, 0]);
  });
});

interface Rows {
  readonly columns: readonly string[];
  readonly rows: readonly { offset: number; cells: string[]; problem?: string }[];
}

function rowsIn(text: string): Rows {
  return JSON.parse(text) as Rows;
}
