/** Processors for tests, and the logs that they follow. */
import { afterEach } from 'vitest';
import {
  openAppender,
  processLog,
  type Appender,
  type AppenderOptions,
  type ProcessOptions,
  type ProcessedLog,
  type Processor,
} from '../../src/index.js';
import { fixture } from './dying.js';
import { temporaryLogPath } from './temporary-log.js';

export const functions = fixture('process-functions.mjs');
export const SMALL: AppenderOptions = { segmentSizeBytes: 65_536, maintenance: false };

const started = new Set<Processor>();
/** Ends those that a failed test has left. */
let atEnd = new AbortController();
/** What the one that was started last has failed with. */
let failure: { readonly error: unknown } | undefined;
/** Closed after the test, but for those that it takes out. */
const openAppenders = new Set<Appender>();

afterEach(async () => {
  atEnd.abort();
  atEnd = new AbortController();
  await Promise.allSettled([...started].map(({ done }) => done));
  started.clear();
  failure = undefined;
  for (const appender of openAppenders) await appender.close();
  openAppenders.clear();
});

/** A processor of two threads with small pieces, that ends with the test. */
export function start(log: ProcessedLog, options: Partial<ProcessOptions<object>>): Processor {
  const processor = processLog(log, {
    module: functions,
    name: 'handle',
    workers: 2,
    pieceBytes: 5000,
    signal: atEnd.signal,
    ...options,
  });
  started.add(processor);
  failure = undefined;
  processor.done.catch((error: unknown) => (failure = { error }));
  return processor;
}

/** Resolves when it is so; rejects when a processor has failed, and it never will be. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) {
    if (failure !== undefined) throw failure.error;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export function openLog(options: AppenderOptions = SMALL): { log: string; appender: Appender } {
  const log = temporaryLogPath();
  const appender = openAppender(log, options);
  openAppenders.add(appender);
  return { log, appender };
}

export const isHandled = (processor: Processor, offset: number) => (): boolean =>
  processor.handled.offset >= offset;

/** Closes it now, not after the test. */
export async function close(appender: Appender): Promise<void> {
  openAppenders.delete(appender);
  await appender.close();
}
