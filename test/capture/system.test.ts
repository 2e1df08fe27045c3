import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { cpus, totalmem } from 'node:os';
import { describe, expect, it } from 'vitest';
import { portableReadings } from '../../src/capture/system/portable-readings.js';
import { sampleSchema } from '../../src/capture/system/sample-schema.js';
import { Sampler } from '../../src/capture/system/sampler.js';
import { captureLogPath } from '../support/captures.js';
import {
  SchemaMismatchError,
  capture,
  decodeEvent,
  defineSchema,
  extendSchema,
  fieldDefinitions,
  openEventAppender,
  openEventReader,
  queryEvents,
  systemCounters,
  systemSource,
  type CaptureReport,
  type CounterChoice,
  type EventSchema,
  type PlainEvent,
  type SystemReport,
  type SystemSourceOptions,
} from '../../src/index.js';
import {
  FakeMachine,
  SMALL_MACHINE,
  SMALL_MACHINE_EVENT,
  type Tree,
} from '../support/fake-machine.js';
import { fingerprint, rejectionOf } from '../support/logs.js';
import { temporaryLogPath } from '../support/temporary-log.js';

interface Captured extends CaptureReport {
  readonly timing: SystemReport;
}

async function captured(
  log: string,
  options: SystemSourceOptions,
  maxEvents = 3,
): Promise<Captured> {
  const source = systemSource({ rateHz: 500, ...options });
  const report = await capture(source, log, { maxEvents, maintenance: false });
  return { ...report, timing: source.report() };
}

function eventsOf(log: string): PlainEvent[] {
  const reader = openEventReader(log);
  try {
    const events: PlainEvent[] = [];
    for (const record of reader.cursor()) events.push(record.toObject() as PlainEvent);
    return events;
  } finally {
    reader.close();
  }
}

function fieldNames(log: string): string[] {
  const reader = openEventReader(log);
  try {
    return reader.schema.root.fields.map(({ name }) => name);
  } finally {
    reader.close();
  }
}

describe('capture(systemSource())', () => {
  it('puts an event per tick into the log, with every counter', async () => {
    const log = captureLogPath();
    const machine = new FakeMachine();
    const report = await captured(log, { ...machine.options, counters: ['all'] }, 5);
    const events = eventsOf(log);
    expect(events).toHaveLength(5);
    const { time_ns: _time, late_ns: _late, missed: _missed, ...first } = events[0] as PlainEvent;
    const { late_ns: _late2, missed: _missed2, ...expected } = SMALL_MACHINE_EVENT;
    expect(first).toEqual(expected);
    expect(report).toMatchObject({ source: 'system at 500 Hz', ended: 'events', events: 5 });
    expect(report.details).toEqual(report.timing);
    const counters = Object.keys(SMALL_MACHINE_EVENT).length - 2;
    expect(report.timing).toMatchObject({ counters, absent: [], failedReads: {} });
  });

  it('says in the schema what each counter means', async () => {
    const log = captureLogPath();
    await captured(log, { counters: ['all'], ...new FakeMachine().options });
    const reader = openEventReader(log);
    const fields = fieldDefinitions(reader.schema) ?? [];
    reader.close();
    expect(fields.length).toBeGreaterThan(100);
    expect(fields.filter(({ comment }) => (comment ?? '').length < 10)).toEqual([]);
    expect(fields.map(({ name }) => name).slice(0, 3)).toEqual(['time_ns', 'late_ns', 'missed']);
  });

  it('accounts for every tick in events, in the report, and as dropped', async () => {
    const log = captureLogPath();
    const options = { ...new FakeMachine().options, rateHz: 5000 };
    const { timing, dropped } = await captured(log, options, 400);
    const events = eventsOf(log);
    const missed = events.reduce((sum, event) => sum + (event['missed'] as number), 0);
    expect(timing).toMatchObject({ ticks: 400, missedTicks: missed, rateHz: 5000 });
    expect(dropped['missed ticks'] ?? 0).toBe(missed);
    const [first, last] = [events[0], events.at(-1)] as [PlainEvent, PlainEvent];
    const dueNs = (event: PlainEvent): bigint =>
      (event['time_ns'] as bigint) - BigInt(event['late_ns'] as number);
    const periods = Number(dueNs(last) - dueNs(first)) / (1e9 / 5000);
    // Ticks are multiples of the period: those there are and those missed fill the time.
    expect(Math.round(periods)).toBe(399 + missed);
    expect(Math.abs(periods - Math.round(periods))).toBeLessThan(0.1);
    expect(timing.lateUs.max).toBeLessThanOrEqual(201);
    expect(timing.lateUs.p50).toBeLessThanOrEqual(timing.lateUs.p99);
    const spanS = (399 + missed) / 5000;
    expect(timing.achievedHz).toBeGreaterThan((399 / spanS) * 0.98);
    expect(timing.achievedHz).toBeLessThan((399 / spanS) * 1.02);
  });

  it('reads what changes slowly less often, and leaves it null between', async () => {
    const log = captureLogPath();
    await captured(log, { ...new FakeMachine().options, rateHz: 1000 }, 60);
    const events = eventsOf(log);
    let tick = -1;
    const ticks = events.map((event) => (tick += 1 + (event['missed'] as number)));
    const readAt = (field: string): number[] => ticks.filter((_, i) => events[i]?.[field] !== null);
    expect(readAt('cpu_user_ticks')).toEqual(ticks);
    expect(readAt('pressure_io_some_us')).toEqual(ticks);
    // A turn that was missed is made up for by the next tick there is.
    const turns = (every: number): number[] => {
      const inTurn = new Map<number, number>();
      for (const each of ticks) {
        const turn = Math.floor(each / every);
        if (!inTurn.has(turn)) inTurn.set(turn, each);
      }
      return [...inTurn.values()];
    };
    expect(readAt('mem_free_bytes')).toEqual(turns(10));
    expect(readAt('page_faults')).toEqual(turns(10));
    expect(readAt('cpu0_frequency_khz')).toEqual(turns(10));
    expect(readAt('load_1min')).toEqual(turns(100));
    expect(readAt('temperature_acpitz_1_millicelsius')).toEqual(turns(100));
  });

  it('reads everything at every tick if asked to', async () => {
    const log = captureLogPath();
    await captured(log, { ...new FakeMachine().options, everyTick: true }, 10);
    const nulls = eventsOf(log).flatMap((event) => Object.values(event).filter((v) => v === null));
    expect(nulls).toEqual([]);
  });

  it('leaves out groups that the machine does not have, and says which', async () => {
    const log = captureLogPath();
    const tree = { 'proc/loadavg': SMALL_MACHINE['proc/loadavg'] as string };
    const { timing } = await captured(log, new FakeMachine(tree).options);
    expect(timing.counters).toBe(4);
    expect(timing.absent).toEqual(
      'cpu kernel memory paging disks network pressure temperatures frequencies'.split(' '),
    );
  });

  it('tells of devices that have come, and of files that could not be read', async () => {
    const machine = new FakeMachine();
    const log = captureLogPath();
    const source = systemSource({ ...machine.options, rateHz: 500 });
    const ending = new AbortController();
    const running = capture(source, log, { signal: ending.signal, maintenance: false });
    const path = 'proc/net/dev';
    machine.write(path, `${SMALL_MACHINE[path]}  wlan0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n`);
    while (Object.keys(source.report().appeared).length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    ending.abort();
    const { ended, details } = await running;
    expect(ended).toBe('signal');
    expect(Object.values(details['appeared'] as object)).toEqual([['wlan0']]);
  });
});

describe('a log of counters', () => {
  const changed: Tree = {
    ...SMALL_MACHINE,
    'proc/diskstats': '  8  0 sda 1 2 3 4 5 6 7 8 9 10 11\n',
    'sys/block/sda/size': '1\n',
  };

  it('keeps its fields on another machine, and gets those it lacks', async () => {
    const log = captureLogPath();
    await captured(log, { ...new FakeMachine().options, counters: ['disks', 'load'] });
    const before = fieldNames(log);
    const options = { ...new FakeMachine(changed).options, counters: ['disks'] } as const;
    await captured(log, options);
    const after = fieldNames(log);
    expect(after.slice(0, before.length)).toEqual(before);
    expect(after.slice(before.length)).toHaveLength(9);
    const [last] = eventsOf(log).slice(-1) as [PlainEvent];
    expect(last).toMatchObject({ disk_sda_reads: 1, disk_sda_read_bytes: 1536 });
    expect([last['disk_vda_reads'], last['load_1min'], last['tasks']]).toEqual([null, null, null]);
    const { value } = await queryEvents(log, {
      select: { sda: { fn: 'count', field: 'disk_sda_reads' }, all: { fn: 'count' } },
    });
    expect(value.rows).toEqual([{ sda: 3, all: 6 }]);
    await captured(log, options);
    expect(fieldNames(log)).toEqual(after);
  });

  it('never gives a sensor the field of another one of its kind', async () => {
    const log = captureLogPath();
    const drives = (...devices: string[]): FakeMachine => {
      const files = devices.map((device, i): [string, string][] => [
        [`sys/class/hwmon/hwmon${i}/name`, 'nvme\n'],
        [`sys/class/hwmon/hwmon${i}/temp1_label`, 'Composite\n'],
        [`sys/class/hwmon/hwmon${i}/temp1_input`, `${device.slice(-1)}0000\n`],
      ]);
      const machine = new FakeMachine(Object.fromEntries(files.flat()));
      devices.forEach((device, i) => {
        symlinkSync(`../../${device}`, join(machine.directory, `sys/class/hwmon/hwmon${i}/device`));
      });
      return machine;
    };
    const counters = ['temperatures'] as const;
    await captured(log, { ...drives('nvme3', 'nvme7').options, counters });
    await captured(log, { ...drives('nvme7').options, counters });
    const [last] = eventsOf(log).slice(-1) as [PlainEvent];
    const first = eventsOf(log)[0] as PlainEvent;
    expect(first).toMatchObject({
      temperature_nvme3_composite_millicelsius: 30000,
      temperature_nvme7_composite_millicelsius: 70000,
    });
    expect(last['temperature_nvme3_composite_millicelsius']).toBeNull();
    expect([null, 70000]).toContain(last['temperature_nvme7_composite_millicelsius']);
  });

  it('never gives a device the fields of another whose name becomes the same', async () => {
    const log = captureLogPath();
    const machine = (name: string): FakeMachine =>
      new FakeMachine({ 'proc/net/dev': `h\nh\n ${name}: ${'1 '.repeat(16)}\n` });
    const counters = ['network'] as const;
    await captured(log, { ...machine('eth0.1').options, counters });
    const error = await rejectionOf(captured(log, { ...machine('eth0_1').options, counters }));
    expect(error).toBeInstanceOf(SchemaMismatchError);
    expect((error as Error).message).toMatch(
      /net_eth0_1_rx_bytes was optional ulong of interface eth0\.1, is .* interface eth0_1/,
    );
  });

  it('may have fields of others beside', async () => {
    const log = captureLogPath();
    const options = { ...new FakeMachine().options, counters: ['load'] } as const;
    await captured(log, options);
    const reader = openEventReader(log);
    const more = extendSchema(reader.schema, [
      { name: 'remark', type: 'string' },
      { name: 'weight', type: 'ubyte' },
    ]);
    reader.close();
    await openEventAppender(log, { schema: more as EventSchema, maintenance: false }).close();
    await captured(log, options);
    const [last] = eventsOf(log).slice(-1) as [PlainEvent];
    expect(last).toMatchObject({ weight: 0, missed: expect.any(Number) as number });
    expect('remark' in last).toBe(false);
    expect(eventsOf(log).filter((event) => event['load_1min'] === 0.04).length).toBeGreaterThan(1);
  });

  it('does not become one of something else', async () => {
    const log = captureLogPath();
    const appender = openEventAppender(log, {
      schema: defineSchema('some.Row', [{ name: 'time_ns', type: 'long' }]),
      maintenance: false,
    });
    appender.append({ time_ns: 1 });
    await appender.close();
    const before = fingerprint(log);
    const error = await rejectionOf(captured(log, new FakeMachine().options));
    expect(error).toBeInstanceOf(SchemaMismatchError);
    expect((error as Error).message).toMatch(/holds some\.Row, not stratalog\.SystemSample/);
    expect(fingerprint(log)).toBe(before);
  });

  it('is refused if a field of a counter is of another type', async () => {
    const log = captureLogPath();
    const appender = openEventAppender(log, {
      schema: defineSchema('stratalog.SystemSample', [
        { name: 'time_ns', type: 'long' },
        { name: 'tasks', type: 'double', optional: true },
        { name: 'missed', type: 'ulong', optional: true },
      ]),
      maintenance: false,
    });
    await appender.close();
    const error = await rejectionOf(captured(log, new FakeMachine().options));
    expect(error).toBeInstanceOf(SchemaMismatchError);
    expect((error as SchemaMismatchError).differences).toEqual([
      'missed was optional ulong, is ulong',
      'tasks was optional double, is optional ulong',
    ]);
  });
});

describe('a machine without /proc', () => {
  it('has the counters that Node knows', () => {
    const others = portableReadings(['cpu', 'memory', 'disks', 'load']);
    const counters = others.flatMap((reading) => reading.counters);
    const schema = sampleSchema(counters, undefined);
    const pace = { rateHz: 100, isEveryTick: true };
    const sampler = new Sampler({ files: [], others }, schema, pace);
    const event = decodeEvent(schema, sampler.sample(0, performance.now(), 0, 0));
    expect(Object.keys(event)).toHaveLength(3 + 5 * cpus().length + 2 + 3);
    expect(Object.values(event)).not.toContain(null);
    expect(event['mem_total_bytes']).toBe(totalmem());
    const user = Number(event[`cpu${cpus().length - 1}_user_ms`]);
    expect(cpus().at(-1)?.times.user).toBeGreaterThanOrEqual(user);
    expect(user).toBeGreaterThan(0);
  });

  it('leaves out a reading that has not as many values as counters', () => {
    const counters = [
      { group: 'load', name: 'a', type: 'double', comment: '' },
      { group: 'load', name: 'b', type: 'ulong', comment: '' },
    ] as const;
    const values = [[1.5, 2], [3], [0.5, 1.5]];
    const reading = { maxHz: 1, counters, values: () => values.shift() as number[] };
    const schema = sampleSchema(counters, undefined);
    const pace = { rateHz: 1, isEveryTick: true };
    const sampler = new Sampler({ files: [], others: [reading] }, schema, pace);
    const events = [0, 1, 2].map((tick) => decodeEvent(schema, sampler.sample(tick, tick, 0, 0)));
    expect(events).toMatchObject([
      { a: 1.5, b: 2 },
      { a: null, b: null },
      { a: 0.5, b: null },
    ]);
  });
});

describe('a machine of 128 processors', () => {
  const PROCESSORS = 128;

  function largeMachine(): Tree {
    const numbers = Array.from({ length: 10 }, (_, i) => 1000 * i + 1).join(' ');
    const rows = Array.from({ length: PROCESSORS }, (_, i) => `cpu${i} ${numbers}\n`);
    const interrupts = Array.from({ length: 3000 }, (_, i) => i % 11).join(' ');
    const stat = `cpu  ${numbers}\n${rows.join('')}intr 5 ${interrupts}\nctxt 12345\n`;
    const frequencies = Array.from({ length: PROCESSORS }, (_, i) => [
      `sys/devices/system/cpu/cpu${i}/cpufreq/scaling_cur_freq`,
      `${1_000_000 + i}\n`,
    ]);
    return { 'proc/stat': stat, ...Object.fromEntries(frequencies) };
  }

  it('has a field for each counter of each', async () => {
    const log = captureLogPath();
    const machine = new FakeMachine(largeMachine());
    const { timing } = await captured(log, { ...machine.options, everyTick: true }, 20);
    expect(timing.counters).toBe(10 * (PROCESSORS + 1) + 2 + PROCESSORS);
    const [last] = eventsOf(log).slice(-1) as [PlainEvent];
    for (let i = 0; i < PROCESSORS; i++) {
      expect(last[`cpu${i}_user_ticks`]).toBe(1);
      expect(last[`cpu${i}_guest_nice_ticks`]).toBe(9001);
      expect(last[`cpu${i}_frequency_khz`]).toBe(1_000_000 + i);
    }
    expect(last['context_switches']).toBe(12345);
    const { value } = await queryEvents(log, {
      select: { most: { fn: 'max', field: 'cpu127_iowait_ticks' } },
    });
    expect(value.rows).toEqual([{ most: 4001 }]);
  });

  it('of which one is switched off has nulls for that one alone', async () => {
    const log = captureLogPath();
    const tree = largeMachine();
    const machine = new FakeMachine(tree);
    const source = systemSource({ ...machine.options, rateHz: 200, everyTick: true });
    const ending = new AbortController();
    const running = capture(source, log, { signal: ending.signal, maintenance: false });
    // Opening is synchronous so far; the machine changes before the first tick or after it.
    machine.write('proc/stat', (tree['proc/stat'] as string).replace(/cpu77 .*\n/, ''));
    machine.write('sys/devices/system/cpu/cpu77/cpufreq/scaling_cur_freq', '');
    const before = source.report().ticks;
    while (source.report().ticks < before + 2) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    ending.abort();
    await running;
    const [last] = eventsOf(log).slice(-1) as [PlainEvent];
    const gone = Object.keys(last).filter((name) => last[name] === null);
    expect(gone).toHaveLength(11);
    expect(gone.filter((name) => !name.startsWith('cpu77_'))).toEqual([]);
  });
});

describe('systemSource()', () => {
  it.each([0, -1, NaN, Infinity, 0.0009, 100_001])('refuses a rate of %d', (rateHz) => {
    expect(() => systemSource({ rateHz })).toThrow(/^Invalid rateHz: expected 0\.001 to 100000/);
  });

  it.each([[['cpus']], [['']], [['constructor']], [[]]])('refuses the counters %j', (counters) => {
    const options = { counters: counters as CounterChoice[] };
    expect(() => systemSource(options)).toThrow(/^Invalid counters: expected/);
    expect(() => systemCounters(options)).toThrow(RangeError);
  });

  it('fails where there are more counters than an event holds', async () => {
    const rows = Array.from({ length: 800 }, (_, i) => `cpu${i} 1 2 3 4 5 6 7 8 9 10\n`);
    const most = new FakeMachine({ 'proc/stat': rows.join('') });
    const log = captureLogPath();
    expect((await captured(log, most.options, 1)).timing.counters).toBe(8000);
    const more = new FakeMachine({ 'proc/stat': `ctxt 1\n${rows.join('')}` });
    const error = await rejectionOf(captured(temporaryLogPath(), more.options));
    expect(error).toBeInstanceOf(RangeError);
    expect((error as Error).message).toMatch(/^Cannot capture 8001 counters: .* choose fewer/);
  });

  it('fails where there is no counter at all, before there is a log', async () => {
    const log = temporaryLogPath();
    const error = await rejectionOf(captured(log, new FakeMachine({}).options));
    expect(error).toBeInstanceOf(RangeError);
    expect((error as Error).message).toMatch(/^Cannot capture counters: found none of cpu, kernel/);
    expect(() => fingerprint(log)).toThrow(/ENOENT/);
  });
});

describe.runIf(process.platform === 'linux')('on this machine', () => {
  it('counters of the kernel only go up, and agree with what Node says', async () => {
    const log = captureLogPath();
    const source = systemSource({ rateHz: 200, everyTick: true, counters: ['all'] });
    const began = Date.now();
    await capture(source, log, { maxEvents: 60 });
    const ended = Date.now();
    const events = eventsOf(log);
    const first = events[0] as PlainEvent;
    const monotone = Object.keys(first).filter((name) =>
      /^(?:context_switches|interrupts|softirq|page_faults|processes_created|pressure_|net_.*bytes|cpu\d*_(?:user|system)_ticks|disk_.*_(?:reads|writes)$|time_ns)/.test(
        name,
      ),
    );
    expect(monotone.length).toBeGreaterThan(10);
    for (const name of monotone) {
      const values = events.map((event) => BigInt(event[name] as number));
      const falling = values.filter((value, i) => i > 0 && value < (values[i - 1] as bigint));
      expect([name, falling]).toEqual([name, []]);
    }
    const last = events.at(-1) as PlainEvent;
    const timeMs = Number(last['time_ns']) / 1e6;
    expect(timeMs).toBeGreaterThan(began - 2);
    expect(timeMs).toBeLessThan(ended + 2);
    expect(last['mem_total_bytes']).toBe(totalmem());
    const sumOfAll = cpus().reduce((sum, _, i) => sum + Number(last[`cpu${i}_user_ticks`]), 0);
    expect(Math.abs(sumOfAll - Number(last['cpu_user_ticks']))).toBeLessThan(cpus().length + 5);
    const nodesTicks = cpus().reduce((sum, { times }) => sum + times.user / 10, 0);
    expect(nodesTicks).toBeGreaterThanOrEqual(sumOfAll);
    expect(nodesTicks - sumOfAll).toBeLessThan(100 * 60 * cpus().length);
  });

  it('every counter that is listed is there, by its value or null', () => {
    const names = systemCounters({ counters: ['all'] }).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !/^[a-z][a-z0-9_]*$/.test(name))).toEqual([]);
    const disks = readFileSync('/proc/diskstats', 'latin1');
    for (const name of names.filter((each) => each.endsWith('_read_bytes'))) {
      expect(disks).toContain(name.replace(/^disk_|_read_bytes$/g, '').split('_')[0]);
    }
  });
});
