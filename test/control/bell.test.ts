/** Ringing and going to sleep, interleaved in every way that their steps allow. */
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Bell } from '../../src/control/bell.js';
import type { ControlFile } from '../../src/control/control-file.js';
import type { ReadersFile } from '../../src/control/readers-file.js';
import type * as Native from '../../src/mapping/native.js';
import { mmapAnonymous, munmap, viewMemory } from '../../src/mapping/native.js';
import { WAITERS } from '../../src/format/readers-page.js';

const woken = vi.hoisted(() => ({ times: 0 }));
vi.mock('../../src/mapping/native.js', async (original) => ({
  ...(await original<typeof Native>()),
  futexWake: (): void => void woken.times++,
}));

const PAGE = 4096;
const STEPS = ['load', 'store', 'add', 'exchange'] as const;

interface Pages {
  readonly bell: Bell;
  readonly flags: Int32Array;
}

function pages(): Pages {
  const address = mmapAnonymous(PAGE);
  onTestFinished(() => munmap(address, PAGE));
  const control = { words: new Int32Array(viewMemory(address, PAGE)), address };
  const readers = { words: new Int32Array(PAGE / 4) };
  const bell = new Bell('commit', control as ControlFile, readers as ReadersFile);
  return { bell, flags: readers.words };
}

/** Runs `other` after the n-th step of `first`, or before it all for 0. Returns how many steps there are. */
function interleave(first: () => void, other: () => void, n: number): number {
  let steps = 0;
  let isInside = false;
  const step = (): void => {
    if (isInside || steps++ !== n) return;
    isInside = true;
    other();
    isInside = false;
  };
  const spies = STEPS.map((name) => {
    const original = Atomics[name].bind(Atomics) as (...args: unknown[]) => unknown;
    return vi.spyOn(Atomics, name).mockImplementation(((...args: unknown[]) => {
      const result = original(...args);
      step();
      return result;
    }) as never);
  });
  step();
  first();
  for (const spy of spies) spy.mockRestore();
  return steps;
}

describe('a bell', () => {
  it('that is rung while somebody goes to sleep is heard: he stays awake or is woken', () => {
    const outcomes = new Set<string>();
    for (let n = 0; n <= 6; n++) {
      for (const isRungFirst of [true, false]) {
        const here = pages();
        const seen = here.bell.count();
        let isAsleep = false;
        let wokenBefore = 0;
        const goToSleep = (): void => {
          if (!here.bell.prepareSleep(seen)) return;
          wokenBefore = woken.times;
          // The kernel puts to sleep only whoever still finds the counter that he has seen.
          isAsleep = here.bell.count() === seen;
        };
        const ring = (): void => here.bell.ring();
        if (isRungFirst) interleave(ring, goToSleep, n);
        else interleave(goToSleep, ring, n);
        if (here.bell.count() === seen) continue;
        const isLost = isAsleep && woken.times === wokenBefore;
        expect(isLost, `step ${n}, rung first: ${isRungFirst}`).toBe(false);
        outcomes.add(isAsleep ? 'woken' : 'awake');
      }
    }
    expect([...outcomes].sort()).toEqual(['awake', 'woken']);
  });

  it('takes the flag of a sleeper down when it wakes him, so that the next ring costs no call', () => {
    const here = pages();
    const seen = here.bell.count();
    expect(here.bell.prepareSleep(seen)).toBe(true);
    expect(here.flags[WAITERS]).toBe(1);
    here.bell.ring();
    expect(here.flags[WAITERS]).toBe(0);
    expect(here.bell.prepareSleep(seen)).toBe(false);
  });
});
