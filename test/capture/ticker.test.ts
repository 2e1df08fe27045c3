import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runTicks } from '../../src/capture/system/ticker.js';
import { tightenTimerSlack } from '../../src/capture/system/timer-slack.js';

interface Tick {
  readonly tick: number;
  readonly nowMs: number;
  readonly lateMs: number;
  readonly missed: number;
}

/** Ticks until there are `count`; `work` is done at each. */
async function ticksAt(rateHz: number, count: number, work?: (i: number) => void): Promise<Tick[]> {
  const ending = new AbortController();
  const ticks: Tick[] = [];
  await runTicks(rateHz, ending.signal, (tick, nowMs, lateMs, missed) => {
    ticks.push({ tick, nowMs, lateMs, missed });
    work?.(ticks.length);
    if (ticks.length === count) ending.abort();
    return undefined;
  });
  return ticks;
}

function spin(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** Every tick there could have been is one, or missed; none comes before its time, none after the next's. */
function expectSound(ticks: readonly Tick[], rateHz: number): void {
  const periodMs = 1000 / rateHz;
  const [first, last] = [ticks[0] as Tick, ticks.at(-1) as Tick];
  expect([first.tick, first.missed]).toEqual([0, 0]);
  const startMs = first.nowMs - first.lateMs;
  const missed = ticks.reduce((sum, tick) => sum + tick.missed, 0);
  expect(ticks.length + missed).toBe(last.tick + 1);
  for (const [i, { tick, nowMs, lateMs, missed: skipped }] of ticks.entries()) {
    expect(tick).toBe((ticks[i - 1]?.tick ?? -1) + 1 + skipped);
    expect(lateMs).toBeGreaterThanOrEqual(0);
    expect(lateMs).toBeLessThan(periodMs + 1e-6);
    // No drift: a tick's time is a multiple of the period, however many there were before.
    expect(nowMs - lateMs).toBeCloseTo(startMs + tick * periodMs, 6);
  }
}

describe('runTicks()', () => {
  it.each([
    [10_000, 3000],
    [1000, 300],
    [333.3, 60],
    [40, 8],
  ])('at %d Hz accounts for every tick', async (rateHz, count) => {
    expectSound(await ticksAt(rateHz, count), rateHz);
  });

  it('counts what passes while a tick is at work as missed', async () => {
    const ticks = await ticksAt(1000, 20, (i) => {
      if (i % 5 === 0) spin(10.5);
    });
    expectSound(ticks, 1000);
    for (const i of [5, 10, 15]) expect(ticks[i]?.missed).toBeGreaterThanOrEqual(9);
  });

  it('counts what passes while a tick waits as missed', async () => {
    const ending = new AbortController();
    const ticks: Tick[] = [];
    await runTicks(1000, ending.signal, (tick, nowMs, lateMs, missed) => {
      ticks.push({ tick, nowMs, lateMs, missed });
      if (ticks.length === 10) ending.abort();
      if (ticks.length !== 3) return undefined;
      return new Promise((resolve) => setTimeout(resolve, 20));
    });
    expectSound(ticks, 1000);
    expect(ticks[3]?.missed).toBeGreaterThanOrEqual(18);
  });

  it('ends while it waits for a tick far away', async () => {
    const ending = new AbortController();
    setTimeout(() => ending.abort(), 20);
    let ticks = 0;
    // The next tick would come in a quarter of an hour.
    await runTicks(0.001, ending.signal, () => {
      ticks++;
      return undefined;
    });
    expect(ticks).toBe(1);
  });

  it('does nothing if it is to end before it begins', async () => {
    let ticks = 0;
    await runTicks(1000, AbortSignal.abort(), () => {
      ticks++;
      return undefined;
    });
    expect(ticks).toBe(0);
  });

  it('lets the event loop have a turn after every tick', async () => {
    let turns = 0;
    let isOver = false;
    const count = (): void => {
      turns++;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    const seen: number[] = [];
    await ticksAt(5000, 100, () => seen.push(turns));
    isOver = true;
    const stuck = seen.filter((turn, i) => turn === seen[i - 1]);
    expect(stuck).toEqual([]);
  });

  it('ends with the error of a tick', async () => {
    const failing = runTicks(1000, new AbortController().signal, (tick) => {
      if (tick >= 3) throw new Error('full');
      return undefined;
    });
    await expect(failing).rejects.toThrow('full');
  });
});

describe.runIf(process.platform === 'linux')('tightenTimerSlack()', () => {
  it('is undone by what it returns', () => {
    const slack = (): string => readFileSync('/proc/self/timerslack_ns', 'latin1').trim();
    const before = slack();
    const restore = tightenTimerSlack();
    const tight = slack();
    restore();
    expect([tight, slack()]).toEqual(['1', before]);
    expect(before).not.toBe('1');
  });
});
