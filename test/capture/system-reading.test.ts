import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { SampleClock, storeNs } from '../../src/capture/system/sample-clock.js';
import { encodeEvent, verifyEvent, type PlainEvent } from '../../src/index.js';
import {
  FakeMachine,
  SMALL_MACHINE,
  SMALL_MACHINE_EVENT,
  Sampling,
} from '../support/fake-machine.js';

/** Files with lines of their own, each known by its key. */
const LINED = ['proc/stat', 'proc/meminfo', 'proc/vmstat', 'proc/diskstats', 'proc/net/dev'];
LINED.push('proc/pressure/io');
const READ_EVERY_TICK = Object.keys(SMALL_MACHINE).filter(
  (path) => !/interrupts|type|name|label|size|cooling/.test(path),
);

function linesOf(path: string): string[] {
  return (SMALL_MACHINE[path] as string).split('\n').slice(0, -1);
}

function joined(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

/** Samples twice: files are looked through, then read where lines were. */
function bothWays(sampling: Sampling, nowMs: number): PlainEvent {
  const first = sampling.eventAt(nowMs);
  expect(sampling.eventAt(nowMs + 1)).toEqual(first);
  return first;
}

/** Names of fields that are null, although the machine has them. */
function missing(event: PlainEvent): string[] {
  return Object.keys(event).filter((name) => event[name] === null);
}

/** Each field has its own value, or none. */
function expectOwnValues(event: PlainEvent): void {
  const others = Object.keys(event).filter(
    (name) => event[name] !== null && event[name] !== SMALL_MACHINE_EVENT[name],
  );
  expect(others).toEqual([]);
}

describe('a sample', () => {
  it('has every counter of the machine, with its value', () => {
    expect(bothWays(new Sampling(new FakeMachine()), 0)).toEqual(SMALL_MACHINE_EVENT);
  });

  it('is the FlatBuffer that an encoder makes of the same event', () => {
    const machine = new FakeMachine();
    const sampling = new Sampling(machine);
    const bytes = sampling.bytesAt(performance.now());
    const event = sampling.schema.root.fields.map(({ name }) => [name, SMALL_MACHINE_EVENT[name]]);
    const time = new BigInt64Array(bytes.slice(sampling.placeOf('time_ns')).buffer, 0, 1)[0];
    const encoded = encodeEvent(sampling.schema, { ...Object.fromEntries(event), time_ns: time });
    expect(Buffer.compare(bytes, encoded)).toBe(0);
  });

  it('has the next values when files change', () => {
    const machine = new FakeMachine();
    const sampling = new Sampling(machine);
    sampling.eventAt(0);
    const changed = (SMALL_MACHINE['proc/stat'] as string)
      .replace('ctxt 12345', 'ctxt 1234567890')
      .replace('cpu1 20', 'cpu1 2000000')
      .replace('procs_running 2', 'procs_running 13');
    machine.write('proc/stat', changed);
    expect(bothWays(sampling, 1)).toEqual({
      ...SMALL_MACHINE_EVENT,
      context_switches: 1234567890,
      cpu1_user_ticks: 2000000,
      processes_running: 13,
    });
  });

  it('of one group reads the lines of no other', () => {
    const names = Object.keys(new Sampling(new FakeMachine(), ['kernel']).eventAt(0));
    expect(names).toHaveLength(2 + 16);
    expect(names.filter((name) => name.startsWith('cpu'))).toEqual([]);
  });
});

describe('numbers', () => {
  it.each([
    ['9007199254740991', 9007199254740991],
    ['9007199254740993', 9007199254740993n],
    ['999999999999999', 999999999999999],
    ['1000000000000000', 1000000000000000],
    ['18446744073709551615', 18446744073709551615n],
    ['18446744073709551616', null],
    ['99999999999999999999999999999999999999', null],
    ['000000000000000000000000000000012', 12],
    ['-1', null],
    ['1.5', null],
    ['0x10', null],
    ['', null],
    ['12a', null],
  ])('%s becomes %s', (text, value) => {
    const machine = new FakeMachine();
    const sampling = new Sampling(machine);
    machine.write('proc/stat', `ctxt ${text}\nprocesses 77\n`);
    const event = bothWays(sampling, 0);
    expect([event['context_switches'], event['processes_created']]).toEqual([value, 77]);
  });

  it.each([
    ['9007199254740993', 9007199254740993n * 512n],
    ['36028797018963967', (2n ** 55n - 1n) * 512n],
    ['36028797018963968', null],
    ['999999999999999', 999999999999999n * 512n],
  ])('of %s sectors are exact in bytes', (text, value) => {
    const machine = new FakeMachine();
    const sampling = new Sampling(machine);
    machine.write('proc/diskstats', `254 0 vda 1 2 ${text} 4 5 6 7 8 9 10 11\n`);
    const event = bothWays(sampling, 0);
    expect([event['disk_vda_read_bytes'], event['disk_vda_read_ms']]).toEqual([value, 4]);
  });

  it('of 64 bits are exact, whatever they are', () => {
    const machine = new FakeMachine();
    const sampling = new Sampling(machine, ['kernel']);
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 64n - 1n), (value) => {
        machine.write('proc/stat', `ctxt ${value}\n`);
        expect(BigInt(sampling.eventAt(0)['context_switches'] as number)).toBe(value);
      }),
    );
  });

  it('with a decimal point are the nearest doubles', () => {
    const machine = new FakeMachine();
    const sampling = new Sampling(machine, ['load']);
    const decimal = fc.tuple(fc.nat(1_000_000), fc.nat(99)).map(([whole, fraction]) => {
      return `${whole}.${String(fraction).padStart(2, '0')}`;
    });
    fc.assert(
      fc.property(decimal, (text) => {
        machine.write('proc/loadavg', `${text} 1.. 3. 1/90 1\n`);
        const { load_1min, load_5min, load_15min, tasks } = sampling.eventAt(0);
        expect([load_1min, load_5min, load_15min, tasks]).toEqual([Number(text), null, null, 90]);
      }),
    );
  });

  it.each([
    ['-273150\n', -273150],
    ['0\n', 0],
    ['--1\n', null],
    ['-\n', null],
    ['45000', null],
    ['', null],
    ['45000 \n', 45000],
  ])('of a sensor that says %j become %s', (content, value) => {
    const machine = new FakeMachine();
    const sampling = new Sampling(machine, ['temperatures']);
    machine.write('sys/class/thermal/thermal_zone1/temp', content);
    expect(bothWays(sampling, 0)['temperature_acpitz_1_millicelsius']).toBe(value);
  });
});

describe('files that change their shape', () => {
  it.each(LINED)('%s: a line that is gone leaves its own fields out, and no others', (path) => {
    const machine = new FakeMachine();
    const sampling = new Sampling(machine);
    const lines = linesOf(path);
    lines.forEach((_, i) => {
      machine.write(path, joined(lines.toSpliced(i, 1)));
      const event = bothWays(sampling, 1000 * i);
      expectOwnValues(event);
      const wanted = sampling.fieldsOfLine(path, i);
      expect(missing(event).sort()).toEqual(wanted.sort());
    });
    machine.write(path, joined(lines));
    expect(bothWays(sampling, 1e6)).toEqual(SMALL_MACHINE_EVENT);
  });

  it.each(LINED)('%s: a line that is gone between two looks is noticed at once', (path) => {
    const machine = new FakeMachine();
    const lines = linesOf(path);
    lines.forEach((_, i) => {
      const sampling = new Sampling(machine);
      machine.write(path, joined(lines));
      sampling.eventAt(0);
      machine.write(path, joined(lines.toSpliced(i, 1)));
      const event = sampling.eventAt(1);
      expectOwnValues(event);
      expect(missing(event).sort()).toEqual(sampling.fieldsOfLine(path, i).sort());
      machine.write(path, joined(lines));
      expect(sampling.eventAt(1000)).toEqual(SMALL_MACHINE_EVENT);
    });
  });

  it.each(LINED)('%s: a new line shifts nothing, and is told once', (path) => {
    const machine = new FakeMachine();
    const lines = linesOf(path);
    for (let i = 0; i <= lines.length; i++) {
      const sampling = new Sampling(machine);
      machine.write(path, joined(lines));
      sampling.eventAt(0);
      const key = path === 'proc/diskstats' ? '9 9 xyz' : 'xyz:';
      machine.write(path, joined(lines.toSpliced(i, 0, `${key} 91 92 93 94 95 96 97 98 99`)));
      expect(sampling.eventAt(1)).toEqual(SMALL_MACHINE_EVENT);
      expect(sampling.eventAt(1000)).toEqual(SMALL_MACHINE_EVENT);
      expect(sampling.eventAt(1001)).toEqual(SMALL_MACHINE_EVENT);
      expect(sampling.eventAt(2000)).toEqual(SMALL_MACHINE_EVENT);
      expect(Object.values(sampling.sampler.appeared())).toEqual([['xyz']]);
      machine.write(path, joined(lines));
    }
  });

  it.each(LINED)('%s: lines in another order have the same values', (path) => {
    const machine = new FakeMachine();
    const sampling = new Sampling(machine);
    sampling.eventAt(0);
    machine.write(path, joined(linesOf(path).toReversed()));
    expect(bothWays(sampling, 1)).toEqual(SMALL_MACHINE_EVENT);
  });

  it.each(READ_EVERY_TICK)('%s: cut anywhere has values in full, or none', (path) => {
    const machine = new FakeMachine();
    const content = SMALL_MACHINE[path] as string;
    const sampling = new Sampling(machine);
    for (let length = 0; length < content.length; length++) {
      const nowMs = 10_000 * length;
      expect(sampling.eventAt(nowMs)).toEqual(SMALL_MACHINE_EVENT);
      machine.write(path, content.slice(0, length));
      expectOwnValues(sampling.eventAt(nowMs + 1));
      expectOwnValues(sampling.eventAt(nowMs + 1000));
      machine.write(path, content);
    }
  });

  it.each(READ_EVERY_TICK)('%s: whatever else is in it, events are events', (path) => {
    const machine = new FakeMachine();
    const content = Buffer.from(SMALL_MACHINE[path] as string, 'latin1');
    const sampling = new Sampling(machine);
    const others = new Set(sampling.counters.map(({ name }) => name));
    for (const name of sampling.fieldsOfFile(path)) others.delete(name);
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc
        .tuple(fc.nat(content.length - 1), fc.uint8Array({ maxLength: 20 }), fc.nat(30))
        .map(([at, bytes, cut]) =>
          Buffer.concat([content.subarray(0, at), bytes, content.subarray(at + cut)]),
        ),
    );
    let nowMs = 0;
    fc.assert(
      fc.property(garbage, fc.boolean(), (bytes, isLookedThrough) => {
        machine.write(path, bytes);
        nowMs += isLookedThrough ? 1000 : 1;
        const event = sampling.eventAt(nowMs);
        verifyEvent(sampling.schema, sampling.bytesAt(nowMs));
        for (const name of others) expect(event[name]).toBe(SMALL_MACHINE_EVENT[name]);
      }),
    );
    machine.write(path, content);
    expect(bothWays(sampling, nowMs + 2000)).toEqual(SMALL_MACHINE_EVENT);
  });

  it('that end in the middle of what the buffer holds are read on', () => {
    const machine = new FakeMachine();
    const sampling = new Sampling(machine);
    sampling.eventAt(0);
    const interrupts = Array.from({ length: 40_000 }, (_, i) => i % 7).join(' ');
    const long = (SMALL_MACHINE['proc/stat'] as string).replace(
      /intr .*/,
      `intr 900 ${interrupts}`,
    );
    machine.write('proc/stat', long);
    const event = bothWays(sampling, 1);
    expect(missing(event)).toEqual([]);
    expect([event['interrupts'], event['softirq_rcu']]).toEqual([900, 10]);
    machine.write('proc/stat', SMALL_MACHINE['proc/stat'] as string);
    expect(bothWays(sampling, 1000)).toEqual(SMALL_MACHINE_EVENT);
  });
});

describe('files that cannot be read', () => {
  it('leave their fields out, and are tried again after a second', () => {
    const machine = new FakeMachine();
    const sampling = new Sampling(machine);
    const path = 'sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq';
    machine.remove(path);
    expect(missing(sampling.eventAt(0))).toEqual(['cpu1_frequency_khz']);
    machine.write(path, '5\n');
    expect(sampling.eventAt(999)['cpu1_frequency_khz']).toBeNull();
    expect(sampling.eventAt(1000)['cpu1_frequency_khz']).toBe(5);
    expect(Object.values(sampling.sampler.failedReads())).toEqual([1]);
  });

  it('are no reason to stop, be they directories', () => {
    const machine = new FakeMachine();
    const sampling = new Sampling(machine);
    machine.remove('proc/stat');
    machine.write('proc/stat/x', '');
    const event = sampling.eventAt(0);
    expect(event['interrupts']).toBeNull();
    expect(event['tasks']).toBe(90);
  });
});

describe('time', () => {
  it('in nanoseconds is exact', () => {
    const words = new Uint32Array(2);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 43 }), fc.nat(999_999), (ms, restNs) => {
        storeNs(ms, restNs, words, 0);
        const ns = BigInt(words[0] as number) + (BigInt(words[1] as number) << 32n);
        expect(ns).toBe(BigInt(ms) * 1_000_000n + BigInt(restNs));
      }),
    );
  });

  it('is that of the clock, and follows when the clock is set', () => {
    const clock = new SampleClock();
    const words = new Uint32Array(2);
    const msAt = (nowMs: number): number => {
      clock.store(nowMs, words, 0);
      return ((words[0] as number) + (words[1] as number) * 2 ** 32) / 1e6;
    };
    // The clock's own millisecond, and what a busy machine puts between two looks.
    const before = Date.now();
    const between = msAt(performance.now());
    const after = Date.now();
    expect(between).toBeGreaterThan(before - 2);
    expect(between).toBeLessThan(after + 3);
    const real = Date.now.bind(Date);
    const hour = 3_600_000;
    const spy = vi.spyOn(Date, 'now').mockImplementation(() => real() - hour);
    try {
      const now = performance.now();
      msAt(now + 2000);
      const set = msAt(performance.now());
      expect(Math.abs(set - (real() - hour))).toBeLessThan(1000);
    } finally {
      spy.mockRestore();
    }
  });
});
