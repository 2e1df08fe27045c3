/** Small events and sources for captures in tests, and what a capture leaves behind: an intact log, and nothing else. */
import { readFileSync, rmSync } from 'node:fs';
import { afterEach, expect } from 'vitest';
import {
  defineSchema,
  openEventReader,
  verifyEventLog,
  verifyLog,
  type CaptureSource,
  type EventSchema,
  type Intake,
} from '../../src/index.js';
import { openFilesOf } from './scans.js';
import { temporaryLogPath } from './temporary-log.js';

export interface Numbered {
  readonly n: number;
  readonly text?: string;
}

export const NUMBERED = defineSchema('t.Numbered', [
  { name: 'n', type: 'double' },
  { name: 'text', type: 'string' },
]) as unknown as EventSchema<Numbered>;

const captured: string[] = [];

/** Path for a log that is verified, and let go of by everybody, when the test is over. */
export function captureLogPath(): string {
  const path = temporaryLogPath();
  captured.push(path);
  return path;
}

// Registered after the one that deletes, and so called before it.
afterEach(() => {
  for (const path of captured.splice(0)) {
    expect(openFilesOf(path)).toEqual([]);
    expect(writableMappingsOf(path)).toBe(0);
    expect(verifyLog(path)).toMatchObject({ isIntact: true, isClosed: true });
    expect(verifyEventLog(path)).toMatchObject({ isIntact: true, malformed: 0 });
    rmSync(path, { recursive: true });
  }
});

/** Those of readers go with the last view of them. */
function writableMappingsOf(log: string): number {
  const lines = readFileSync('/proc/self/maps', 'utf8').split('\n');
  return lines.filter((line) => line.includes(log) && / rw-s /.test(line)).length;
}

export function numbers(from: number, to: number): Numbered[] {
  return Array.from({ length: to - from }, (_, i) => ({ n: from + i }));
}

/** All events of an intact log, as JSON. */
export function eventsIn(path: string): string[] {
  expect(verifyEventLog(path)).toMatchObject({ isIntact: true, malformed: 0 });
  const reader = openEventReader(path);
  const { committedOffset } = reader.records;
  const found = Array.from({ length: committedOffset }, (_, at) => reader.get(at).toJson());
  reader.close();
  return found;
}

/** The field `n` of all events. */
export function numbersIn(path: string): number[] {
  const reader = openEventReader(path);
  const found = [...reader.columns(['n']).numbers('n')];
  reader.close();
  return found;
}

/** A source of what `give` gives, which notes what becomes of it. */
export class TestSource implements CaptureSource<Numbered> {
  readonly name = 'test';
  readonly seen: string[] = [];
  readonly #give: (intake: Intake<Numbered>) => Promise<void> | void;

  constructor(give: (intake: Intake<Numbered>) => Promise<void> | void) {
    this.#give = give;
  }

  open(): Promise<EventSchema<Numbered>> {
    this.seen.push('open');
    return Promise.resolve(NUMBERED);
  }

  async run(intake: Intake<Numbered>): Promise<void> {
    this.seen.push('run');
    await this.#give(intake);
  }

  close(): void {
    this.seen.push('close');
  }

  report(): Readonly<Record<string, unknown>> {
    return { seen: this.seen.length };
  }
}

/** Resolves when the capture is to end. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (signal.aborted) resolve();
  });
}
