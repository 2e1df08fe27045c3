import { afterEach, expect, it, vi } from 'vitest';
import { openAppender } from '../../src/index.js';
import { Bell } from '../../src/control/bell.js';
import { ControlFile } from '../../src/control/control-file.js';
import { ReadersFile } from '../../src/control/readers-file.js';
import { WAITERS } from '../../src/format/readers-page.js';
import { temporaryLogPath } from '../support/temporary-log.js';

afterEach(() => vi.restoreAllMocks());

/** Runs `action` once, before the atomic operation of this number. Returns how many there have been. */
function beforeOperation(number: number, action: () => void): () => number {
  let next = 0;
  let isInside = false;
  for (const name of ['load', 'store', 'add', 'exchange'] as const) {
    const original = Atomics[name] as (...given: unknown[]) => number;
    vi.spyOn(Atomics, name).mockImplementation(((...given: unknown[]) => {
      if (!isInside && next++ === number) {
        isInside = true;
        action();
        isInside = false;
      }
      return original(...given);
    }) as never);
  }
  return () => next;
}

it('a bell that is rung leaves nobody unannounced who goes to sleep meanwhile', async () => {
  const log = temporaryLogPath();
  await openAppender(log, { maintenance: false }).close();
  const control = ControlFile.open(log, 'write');
  const readers = ReadersFile.openIfPermitted(log, control.logId) as ReadersFile;
  const bell = new Bell('commit', control, readers);
  let moments = 0;
  for (let moment = 0; moment <= moments; moment++) {
    // Somebody else sleeps already.
    bell.prepareSleep(bell.count());
    let seen: number | undefined;
    const operations = beforeOperation(moment, () => {
      const count = bell.count();
      if (bell.prepareSleep(count)) seen = count;
    });
    bell.ring();
    moments = operations();
    vi.restoreAllMocks();
    // The kernel lets it sleep only if the counter has not moved: then the next ring has to know of it.
    const sleeps = seen !== undefined && bell.count() === seen;
    if (sleeps) expect({ moment, flag: readers.words[WAITERS] }).toEqual({ moment, flag: 1 });
  }
  expect(moments).toBeGreaterThan(2);
  readers.close();
  control.close();
});
