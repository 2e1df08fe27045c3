/** Verification by one thread and by several, which must come to the same. */
import { Piscina } from 'piscina';
import { afterAll, expect } from 'vitest';
import { verifyLog, verifyLogInParallel } from '../../src/index.js';

let shared: Piscina | undefined;

/** A pool of two threads for the tests of a file. */
export function sharedPool(): Piscina {
  shared ??= new Piscina({ minThreads: 2, maxThreads: 2 });
  return shared;
}

afterAll(() => shared?.close());

/** Holds what a pool finds against what `verifyLog` finds, be it a report or an error. */
export async function expectSameVerification(log: string): Promise<void> {
  const alone = outcome(() => verifyLog(log));
  const pool = sharedPool();
  const together = await verifyLogInParallel(log, { pool }).then(
    (report) => ({ report }),
    (error: unknown) => ({ error }),
  );
  expect(together).toStrictEqual(alone);
}

function outcome<T>(action: () => T): { report: T } | { error: unknown } {
  try {
    return { report: action() };
  } catch (error) {
    return { error };
  }
}
