/**
 * Readers in threads and in another process, in every way that there is to read, while the log is
 * appended to, rolls, is flushed, loses its oldest segments, is closed and opened again. What they may
 * see is the table of `readers/outcomes.ts`.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type * as Stratalog from 'stratalog';
import type { Campaign, Round, Rounds } from '../campaign.js';
import { PROJECT, compiled } from '../places.js';
import { below, pick } from '../random.js';
import type { FromReaders, ToReaders } from '../readers/messages.js';
import { OUTCOMES, type Outcome } from '../readers/outcomes.js';
import { makeProof, proofLength } from '../readers/proof.js';
import { importVariant, makeVariant, type Mutation } from '../variant.js';

const ROUND_MS = 1200;
/** Segments that a drop leaves at most. */
const KEPT_SEGMENTS = 5;
const THREADS = 2;

const DELAY = 'for (const until = performance.now() + 0.2; performance.now() < until;);';

/** Faults that the campaign has to find: one is built in if STRATALOG_FAULT names it. */
const FAULTS: Readonly<Record<string, readonly Mutation[]>> = {
  'position-before-frame': [
    {
      file: 'append/appender.js',
      find: 'this.#chainCrc = frame.seal(fields);',
      replace:
        'Atomics.store(this.#segment.index, COMMITTED_POSITION, frame.position >> 3);' +
        `${DELAY} this.#chainCrc = frame.seal(fields);`,
    },
  ],
  'no-second-look': [
    {
      file: 'read/cursor.js',
      find: 'const isSealed = segment.isSealed();',
      replace: `const stale = this.#boundIn(segment); ${DELAY} const isSealed = segment.isSealed();`,
    },
    {
      file: 'read/cursor.js',
      find: 'if (!isSealed || this.#next < segment.committedPosition())',
      replace: 'if (!isSealed)',
    },
    {
      file: 'read/cursor.js',
      find: 'if (this.#next >= this.#boundIn(segment)) {\n                    if (!isSealed)',
      replace: 'if (this.#next >= stale) {\n                    if (!isSealed)',
    },
  ],
  'views-unmapped': [
    { file: 'mapping/mapping.js', find: 'if (this.#lent)\n            return;', replace: '' },
  ],
};

export const campaign: Campaign = {
  name: 'readers',
  title: 'readers in threads and processes, while the log rolls, drops, closes and opens',
  shortRounds: 12,
  async start(): Promise<Rounds> {
    const fault = process.env['STRATALOG_FAULT'];
    const mutations = fault === undefined ? undefined : FAULTS[fault];
    if (fault !== undefined && mutations === undefined) {
      throw new RangeError(`No fault is named ${fault}: ${Object.keys(FAULTS).join(', ')}`);
    }
    const folder =
      mutations === undefined ? PROJECT : makeVariant({ name: 'readers', mutations }).folder;
    const library = await importVariant<typeof Stratalog>({ folder, sites: [] }, 'index.js');
    const readers: Readers[] = [new ReadingProcess(folder)];
    for (let i = 0; i < THREADS; i++) readers.push(new ReadingThread(folder));
    return {
      run: (round) => runRound(library, readers, round),
      async stop() {
        for (const reader of readers) reader.send({ kind: 'stop' });
        await Promise.all(readers.map((reader) => reader.ended));
      },
    };
  },
};

async function runRound(
  library: typeof Stratalog,
  readers: readonly Readers[],
  round: Round,
): Promise<void> {
  const log = join(round.folder, 'log');
  const writer = new Writer(library, log, round.random);
  const ready = readers.map((reader) => reader.answer());
  for (const [i, reader] of readers.entries()) {
    reader.send({ kind: 'begin', log, seed: (round.seed + i) | 0, scans: i === 0 });
  }
  await Promise.all(ready);
  const deadline = performance.now() + ROUND_MS;
  while (performance.now() < deadline) await writer.once();
  const end = await writer.close();
  const answers = readers.map((reader) => reader.answer());
  for (const reader of readers) reader.send({ kind: 'end', end });
  round.count('records', end);
  for (const [verb, times] of Object.entries(writer.counts)) round.count(verb, times);
  for (const answer of await Promise.all(answers)) takeAnswer(answer, round);
}

function takeAnswer(answer: FromReaders, round: Round): void {
  if (answer.kind !== 'done') throw new Error(`Expected the end of the round, got ${answer.kind}`);
  for (const outcome of Object.keys(OUTCOMES) as Outcome[]) {
    const times = answer.counts[outcome];
    if (times !== undefined) round.count(outcome, times);
    // So that what never occurs is told as well.
    else round.count(outcome, 0);
  }
  if (answer.failure !== undefined) throw new Error(answer.failure);
}

/** Changes a log in every way, as its random numbers say. */
class Writer {
  readonly #library: typeof Stratalog;
  readonly #log: string;
  readonly #random: () => number;
  readonly counts: Record<string, number> = {};
  #appender: Stratalog.Appender;

  constructor(library: typeof Stratalog, log: string, random: () => number) {
    this.#library = library;
    this.#log = log;
    this.#random = random;
    this.#appender = this.#open();
    this.#append(50);
    this.#appender.commit();
  }

  async once(): Promise<void> {
    const chance = this.#random();
    if (chance < 0.75) this.#append(1 + below(this.#random, 120));
    else if (chance < 0.85) this.#appender.commit();
    else if (chance < 0.93) await this.#count('flushes', this.#appender.flush());
    else if (chance < 0.97) await this.#drop();
    else if (chance < 0.98) await this.#reopen();
    await new Promise(setImmediate);
  }

  async close(): Promise<number> {
    const { nextOffset } = this.#appender;
    await this.#appender.close();
    return nextOffset;
  }

  async #count(verb: string, done: Promise<unknown>): Promise<void> {
    this.counts[verb] = (this.counts[verb] ?? 0) + 1;
    await done;
  }

  #open(): Stratalog.Appender {
    return this.#library.openAppender(this.#log, {
      segmentSizeBytes: 16_384 * pick(this.#random, [1, 2, 8]),
      commit: pick(this.#random, ['each', { bytes: 2000, delayMs: 1 }] as const),
      flush: pick(this.#random, ['none', { everyMs: 5 }] as const),
      maintenance: this.#random() < 0.5,
    });
  }

  async #reopen(): Promise<void> {
    await this.#count('closes', this.#appender.close());
    if (this.#random() < 0.5) await new Promise((resolve) => setTimeout(resolve, 5));
    this.#appender = this.#open();
  }

  async #drop(): Promise<void> {
    const { nextOffset, startOffset } = this.#appender;
    const { base } = this.#appender.activeSegment;
    const kept = Math.ceil(((base - startOffset) * this.#random()) / KEPT_SEGMENTS);
    await this.#count('drops', this.#appender.dropBefore(Math.min(nextOffset, base - kept)));
  }

  #append(records: number): void {
    const appender = this.#appender;
    for (let left = records; left > 0; left--) {
      const at = appender.nextOffset;
      const chance = this.#random();
      if (chance < 0.85) appender.append(makeProof(at));
      else if (chance < 0.95) {
        const count = 2 + below(this.#random, 12);
        appender.appendBatch(Array.from({ length: count }, (_, i) => makeProof(at + i, at, count)));
      } else {
        const reservation = appender.reserve(proofLength(at) + below(this.#random, 100));
        reservation.payload.fill(0xff);
        if (chance < 0.97) {
          reservation.abandon();
          continue;
        }
        reservation.setBytes(0, makeProof(at));
        reservation.publish(proofLength(at));
      }
    }
  }
}

/** Somebody who reads, elsewhere. */
interface Readers {
  readonly ended: Promise<unknown>;
  send(message: ToReaders): void;
  /** What it says next; throws if it ends. */
  answer(): Promise<FromReaders>;
}

class ReadingProcess implements Readers {
  readonly #child: ChildProcess;
  readonly ended: Promise<unknown>;

  constructor(library: string) {
    this.#child = fork(compiled('readers/hammer.js'), [library], {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.ended = once(this.#child, 'exit');
  }

  send(message: ToReaders): void {
    this.#child.send(message);
  }

  async answer(): Promise<FromReaders> {
    const said = once(this.#child, 'message');
    const ended = this.ended.then((how) => {
      throw new Error(`The reading process has ended: ${JSON.stringify(how)}`);
    });
    const [message] = (await Promise.race([said, ended])) as [FromReaders];
    return message;
  }
}

class ReadingThread implements Readers {
  readonly #worker: Worker;
  readonly ended: Promise<unknown>;

  constructor(library: string) {
    this.#worker = new Worker(compiled('readers/hammer.js'), { workerData: library, execArgv: [] });
    this.ended = once(this.#worker, 'exit');
  }

  send(message: ToReaders): void {
    this.#worker.postMessage(message);
  }

  async answer(): Promise<FromReaders> {
    const [message] = (await once(this.#worker, 'message')) as [FromReaders];
    return message;
  }
}
