/** This machine's own counters, at a rate of thousands a second. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { PlainEvent } from '../../events/define-schema.js';
import type { CaptureSource, Intake } from '../source.js';
import { chooseGroups, survey, type CounterChoice } from './groups.js';
import { countersOf, mergePlans, type Counter, type CounterGroup } from './plan.js';
import { portableReadings } from './portable-readings.js';
import { sampleSchema } from './sample-schema.js';
import { Sampler, type Readings } from './sampler.js';
import { runTicks } from './ticker.js';
import { tightenTimerSlack } from './timer-slack.js';
import { Timing, type TimingReport } from './timing.js';

export interface SystemSourceOptions {
  /** Events a second, from 0.001 to 100,000 (default 1000). */
  readonly rateHz?: number;
  /**
   * Groups of counters, and sets of groups: `default` is all but each interrupt by itself, `small` is `cpu`
   * and `kernel`, which are one file, `all` is all (default `['default']`). A group that this machine does
   * not have is left out.
   */
  readonly counters?: readonly CounterChoice[];
  /**
   * Read every counter at every tick (default false): otherwise memory and paging are read 100 times a
   * second at most, as are frequencies, and load and temperatures 10 times; in other ticks they are null.
   */
  readonly everyTick?: boolean;
  /** Where `/proc` is, if elsewhere: a host's in a container. */
  readonly procPath?: string;
  /** Where `/sys` is. */
  readonly sysPath?: string;
}

/** What a capture of counters has to tell. */
export type SystemReport = TimingReport & {
  /** Number of counters in each event. */
  readonly counters: number;
  /** Groups that were asked for by name or by set, and that this machine does not have. */
  readonly absent: readonly CounterGroup[];
  /** What came while the capture ran, and has no field before the next one: disks, interfaces, by file. */
  readonly appeared: Readonly<Record<string, readonly string[]>>;
  /** How often files could not be read, by file; the fields are null then. */
  readonly failedReads: Readonly<Record<string, number>>;
};

/** A source of counters, whose report has a type. */
export interface SystemSource extends CaptureSource<PlainEvent> {
  report(): SystemReport;
}

const DEFAULT_RATE_HZ = 1000;
const MIN_RATE_HZ = 0.001;
const MAX_RATE_HZ = 100_000;
/** A table has at most 64 KiB, and a counter 8 bytes. */
const MAX_COUNTERS = 8000;
/** From this rate on the kernel's usual timer slack (50 µs) is worth telling from the period. */
const TIGHT_FROM_HZ = 100;

/**
 * A source of this machine's counters, for `capture`: one event per tick, in which each counter is a
 * field. Values are the kernel's own, counts and not rates, exact to 64 bits. What was not read, or is
 * gone, is null, never 0, and no counter ever gets the value of another. The log's schema is made of what
 * the machine has; in a log of such a capture, counters keep their fields and new ones are added.
 *
 * `time_ns` is when reading began, `late_ns` how long after its time that was; ticks whose time had passed
 * are missed: counted in `missed`, and as dropped. What changes slowly or
 * takes long is read less often (`everyTick`).
 *
 * For up to 2 ms before a tick the calling thread sleeps outside of its event loop, which has a turn per
 * tick; a thread that has other work to do should let a worker capture. While it runs, the thread's timer
 * slack is 1 ns instead of 50 µs at rates from 100 Hz on, where the kernel allows it.
 *
 * Linux has all of it; elsewhere there are processor times, memory and load, as Node tells them.
 * @throws {RangeError} a rate out of range, or an unknown group; `capture` with it: there are no counters, or
 *   more than 8000
 */
export function systemSource(options: SystemSourceOptions = {}): SystemSource {
  const rateHz = checkRate(options.rateHz ?? DEFAULT_RATE_HZ);
  const groups = chooseGroups(options.counters ?? ['default']);
  let timing = new Timing(rateHz);
  let readings: Readings | undefined;
  let sampler: Sampler | undefined;
  return {
    name: `system at ${rateHz} Hz`,
    async open(own) {
      timing = new Timing(rateHz);
      readings = readingsOf(groups, options);
      const schema = sampleSchema(allCounters(readings), own);
      sampler = new Sampler(readings, schema, { rateHz, isEveryTick: options.everyTick ?? false });
      return schema;
    },
    async run(intake) {
      if (sampler === undefined) throw new TypeError('Cannot run the source: it is not open');
      await sampleAtRate(sampler, intake, rateHz, timing);
    },
    close() {
      sampler?.close();
    },
    report() {
      const counters = readings === undefined ? [] : allCounters(readings);
      const there = new Set(counters.map(({ group }) => group));
      return {
        ...timing.report(),
        counters: counters.length,
        absent: groups.filter((group) => !there.has(group)),
        appeared: sampler?.appeared() ?? {},
        failedReads: sampler?.failedReads() ?? {},
      };
    },
  };
}

/**
 * The counters that `systemSource` would capture here with the same options.
 * @throws {RangeError} an unknown group, or there are no such counters here
 */
export function systemCounters(
  options: Pick<SystemSourceOptions, 'counters' | 'procPath' | 'sysPath'> = {},
): Counter[] {
  return allCounters(readingsOf(chooseGroups(options.counters ?? ['default']), options));
}

async function sampleAtRate(
  sampler: Sampler,
  intake: Intake<PlainEvent>,
  rateHz: number,
  timing: Timing,
): Promise<void> {
  const restoreSlack = rateHz >= TIGHT_FROM_HZ ? tightenTimerSlack() : () => {};
  timing.start();
  try {
    await runTicks(rateHz, intake.signal, (tick, nowMs, lateMs, missed) => {
      if (missed > 0) intake.drop(missed, 'missed ticks');
      intake.appendFlatBuffer(sampler.sample(tick, nowMs, lateMs, missed));
      timing.record(nowMs, lateMs, missed, performance.now());
      return intake.isFull ? intake.ready() : undefined;
    });
  } finally {
    timing.end();
    restoreSlack();
  }
}

function readingsOf(groups: readonly CounterGroup[], options: SystemSourceOptions): Readings {
  const { procPath, sysPath = '/sys' } = options;
  const proc = procPath ?? '/proc';
  const isPortable = procPath === undefined && !existsSync(join(proc, 'stat'));
  const readings = isPortable
    ? { files: [], others: portableReadings(groups) }
    : { files: mergePlans(survey(groups, { proc, sys: sysPath })), others: [] };
  const count = allCounters(readings).length;
  if (count > MAX_COUNTERS) {
    throw new RangeError(
      `Cannot capture ${count} counters: an event holds ${MAX_COUNTERS}; choose fewer groups`,
    );
  }
  if (count > 0) return readings;
  throw new RangeError(
    `Cannot capture counters: found none of ${groups.join(', ')} in ${proc} and ${sysPath}`,
  );
}

function allCounters({ files, others }: Readings): Counter[] {
  return [...countersOf(files), ...others.flatMap(({ counters }) => counters)];
}

function checkRate(rateHz: number): number {
  if (rateHz >= MIN_RATE_HZ && rateHz <= MAX_RATE_HZ) return rateHz;
  throw new RangeError(
    `Invalid rateHz: expected ${MIN_RATE_HZ} to ${MAX_RATE_HZ} events a second, got ${rateHz}`,
  );
}
