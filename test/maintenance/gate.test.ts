/** Which of two threads may sync; and what becomes of it when one ends inside. */
import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { APPENDER, MAINTENANCE, throughGate } from '../../src/maintenance/gate.js';
import { GATE, THREAD_ID, createSharedState } from '../../src/maintenance/shared-state.js';
import { failCalls } from '../support/failing-calls.js';

const NO_THREAD = 2 ** 30;
const hasProc = existsSync('/proc/self/task');

/** A gate with the maintenance thread inside, which has this number. */
function shutGate(threadId: number): Int32Array {
  const shared = createSharedState();
  Atomics.store(shared, GATE, MAINTENANCE);
  Atomics.store(shared, THREAD_ID, threadId);
  return shared;
}

/** Goes out of the gate in the place of the maintenance thread, some looks later. */
function leaveLater(shared: Int32Array): Worker {
  const leave = `const { workerData: { shared, gate } } = require('node:worker_threads');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    Atomics.store(shared, gate, 0);
    Atomics.notify(shared, gate);`;
  return new Worker(leave, { eval: true, workerData: { shared, gate: GATE } });
}

function enterAs(shared: Int32Array): { abandoned: number; done: boolean } {
  let abandoned = 0;
  const done = throughGate(
    shared,
    APPENDER,
    () => abandoned++,
    () => true,
  );
  return { abandoned, done };
}

it.skipIf(!hasProc)('a thread that has ended inside is told (skipped without /proc)', () => {
  expect(enterAs(shutGate(NO_THREAD))).toEqual({ abandoned: 1, done: true });
});

it('a thread that is inside is waited for', async () => {
  const shared = shutGate(process.pid);
  const worker = leaveLater(shared);
  expect(enterAs(shared)).toEqual({ abandoned: 0, done: true });
  await worker.terminate();
});

it('a thread that cannot be looked for is waited for, and not taken for one that has ended', async () => {
  const shared = shutGate(NO_THREAD);
  failCalls('statSync', 'ENOMEM', { times: Infinity, path: /\/task\// });
  const worker = leaveLater(shared);
  expect(enterAs(shared)).toEqual({ abandoned: 0, done: true });
  await worker.terminate();
});
