/** What dies at each of its steps. */
import { copyFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AppenderOptions } from 'stratalog';
import type { WitnessedAppender } from '../kills/witnessed-appender.js';
import type { Actor } from './actor.js';
import { NEVER_SYNCED_RECORDS } from './bases.js';
import { flipBit, framesIn, indexFile, overwrite, segmentBases, segmentFile } from './files.js';

export type Act = (actor: Actor) => Promise<void> | void;

export interface Scenario {
  readonly name: string;
  /** Done by processes of their own, each of which dies at its end. */
  readonly before?: readonly Act[];
  /** From its `arm()` on, it dies at every step. */
  readonly act: Act;
  readonly isTyped?: true;
  /** What is found may be worse than what the death of a process leaves. */
  readonly isDamaged?: true;
  /** The act is a repair, and so is what follows the death. */
  readonly isRepair?: true;
  /** The steps are those of the maintenance thread. */
  readonly inThread?: true;
}

const EACH: AppenderOptions = { segmentSizeBytes: 16_384, flush: 'none', maintenance: false };
const BY_HAND: AppenderOptions = { ...EACH, commit: 'manual' };
/** Segments are full after four records. */
const FOURS: AppenderOptions = { ...BY_HAND, indexCapacity: 4 };
const FOURS_EACH: AppenderOptions = { ...EACH, indexCapacity: 4 };

function times(n: number, action: () => void): void {
  for (let i = 0; i < n; i++) action();
}

/** After a recovery: what was appended must stay, whatever was there before. */
function appendOn(writer: WitnessedAppender): void {
  times(2, () => writer.append());
  writer.commit();
  times(2, () => writer.append());
}

/** A log of several segments, closed. */
const closedFours: Act = async (actor) => {
  const writer = actor.open(FOURS);
  times(18, () => writer.append());
  await writer.close();
};

/** The same, not closed, with records that are not committed. */
const openFours: Act = async (actor) => {
  const writer = actor.open(FOURS);
  times(5, () => writer.append());
  await writer.flush();
  times(2, () => writer.append());
  writer.commit();
  times(6, () => writer.append());
};

const APPENDS: readonly Scenario[] = [
  {
    name: 'create',
    act(actor) {
      actor.arm();
      const writer = actor.open(BY_HAND);
      times(2, () => writer.append());
      writer.commit();
    },
  },
  {
    name: 'append and commit',
    act(actor) {
      const writer = actor.open(BY_HAND);
      writer.append();
      actor.arm();
      times(3, () => writer.append());
      writer.commit();
      times(2, () => writer.append());
      writer.commit();
    },
  },
  {
    name: 'commit each, flush each',
    act(actor) {
      const writer = actor.open({ ...EACH, flush: 'each' });
      actor.arm();
      writer.append();
      writer.batch(3);
      writer.reserve(40);
    },
  },
  {
    name: 'batches',
    act(actor) {
      const writer = actor.open(BY_HAND);
      writer.append();
      actor.arm();
      writer.batch(3);
      writer.batch(1);
      writer.commit();
      writer.batch(4);
      writer.batch(2);
    },
  },
  {
    name: 'batches, commit each',
    act(actor) {
      const writer = actor.open(EACH);
      actor.arm();
      writer.batch(3);
      writer.batch(2);
    },
  },
  {
    name: 'reservations',
    act(actor) {
      const writer = actor.open(BY_HAND);
      writer.append();
      actor.arm();
      writer.reserve(100);
      writer.abandon(200);
      writer.reserve(0);
      writer.abandon(61);
      writer.commit();
      writer.abandon(300);
      writer.append();
    },
  },
  {
    name: 'refused',
    act(actor) {
      const writer = actor.open(BY_HAND);
      actor.arm();
      writer.append();
      writer.refused();
      writer.append();
      writer.commit();
    },
  },
  {
    name: 'group commit',
    act(actor) {
      const writer = actor.open({ ...EACH, commit: { bytes: 300, delayMs: 5 } });
      actor.arm();
      times(4, () => writer.append());
      writer.batch(3);
      times(2, () => writer.append());
    },
  },
  {
    name: 'over old bytes',
    // What an abandoned reservation of a dead process leaves behind, and a life that appends over it.
    before: [dieReserving],
    async act(actor) {
      const writer = actor.open(BY_HAND);
      actor.arm();
      times(2, () => writer.append());
      writer.soil(500);
      times(2, () => writer.append());
      writer.batch(2);
      writer.reserve(20);
      await writer.flush();
      writer.append();
    },
    isDamaged: true,
  },
];

function dieReserving(actor: Actor): void {
  const writer = actor.open(BY_HAND);
  times(2, () => writer.append());
  const { payload } = writer.appender.reserve(900);
  new Uint32Array(payload.buffer, payload.byteOffset, payload.length >> 2).fill(0x80000040);
}

const SEGMENTS: readonly Scenario[] = [
  {
    name: 'roll',
    act(actor) {
      const writer = actor.open(FOURS);
      times(3, () => writer.append());
      actor.arm();
      times(2, () => writer.append());
      writer.batch(4);
      writer.commit();
    },
  },
  {
    name: 'roll, commit each',
    act(actor) {
      const writer = actor.open(FOURS_EACH);
      times(3, () => writer.append());
      actor.arm();
      times(2, () => writer.append());
      writer.reserve(10);
      writer.batch(3);
    },
  },
  {
    name: 'flush',
    async act(actor) {
      const writer = actor.open(FOURS);
      times(2, () => writer.append());
      actor.arm();
      await writer.flush();
      times(3, () => writer.append());
      await writer.flush();
      writer.append();
      await Promise.all([writer.flush(), writer.flush()]);
    },
  },
  {
    name: 'drop',
    before: [closedFours],
    async act(actor) {
      const writer = actor.open(FOURS);
      writer.append();
      actor.arm();
      await writer.dropBefore(9);
      writer.append();
      await writer.dropBefore(writer.appender.nextOffset);
      writer.append();
    },
  },
  {
    name: 'within a limit',
    async act(actor) {
      const writer = actor.open({ ...FOURS_EACH, maxLogBytes: 16_384 + 8192 + 65_536 });
      times(3, () => writer.append());
      refusedByLimit(() => times(100, () => writer.append()));
      actor.arm();
      refusedByLimit(() => writer.append());
      await writer.dropBefore(writer.appender.nextOffset - 1);
      writer.append();
    },
  },
  {
    name: 'close',
    async act(actor) {
      const writer = actor.open(FOURS);
      times(3, () => writer.append());
      await writer.flush();
      times(2, () => writer.append());
      actor.arm();
      await writer.appender.prepare();
      await writer.close();
    },
  },
];

function refusedByLimit(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (error instanceof Error && 'errno' in error && error.errno === 'EDQUOT') return;
    throw error;
  }
  throw new Error('The limit let everything pass');
}

const OPENINGS: readonly Scenario[] = [
  {
    name: 'open after close',
    before: [closedFours],
    async act(actor) {
      actor.arm();
      const writer = actor.open(FOURS);
      times(3, () => writer.append());
      await writer.close();
    },
  },
  {
    name: 'recover and salvage',
    before: [openFours],
    act(actor) {
      actor.arm();
      appendOn(actor.open(FOURS));
    },
  },
  {
    name: 'recover a segment without records',
    before: [
      (actor) => {
        const writer = actor.open(FOURS);
        times(4, () => writer.append());
        // Refused only when the next segment is there.
        writer.abandon(10);
      },
    ],
    act(actor) {
      actor.arm();
      appendOn(actor.open(FOURS));
    },
  },
  {
    name: 'recover a torn tail',
    before: [dieReserving],
    act(actor) {
      actor.arm();
      appendOn(actor.open(BY_HAND));
    },
    isDamaged: true,
  },
  {
    name: 'recover a torn frame, with segments behind it',
    before: [tearFrame],
    act(actor) {
      actor.arm();
      appendOn(actor.open(FOURS));
    },
    isDamaged: true,
  },
  {
    name: 'recover without indexes',
    before: [
      openFours,
      ({ log }) => {
        for (const base of segmentBases(log)) rmSync(indexFile(log, base));
      },
    ],
    act(actor) {
      actor.arm();
      appendOn(actor.open(FOURS));
    },
    isDamaged: true,
  },
  {
    name: 'open after close, without indexes',
    before: [
      closedFours,
      ({ log }) => {
        const bases = segmentBases(log);
        for (const base of [bases[1], bases.at(-1)]) rmSync(indexFile(log, base as number));
      },
    ],
    act(actor) {
      actor.arm();
      appendOn(actor.open(FOURS));
    },
    isDamaged: true,
  },
  {
    name: 'clear away leftovers',
    before: [
      openFours,
      ({ log }) => {
        writeFileSync(join(log, 'prepared-0.log.tmp'), 'unfinished');
        copyFileSync(indexFile(log, 4), indexFile(log, 999));
      },
    ],
    act(actor) {
      actor.arm();
      actor.open(FOURS);
    },
  },
];

/** A frame in the middle of the first segment is gone: what follows was never durable, and goes. */
function tearFrame(actor: Actor): void {
  actor.copyBase('never-synced');
  const { log } = actor;
  const torn = framesIn(log, 0)[1] as { position: number; base: number };
  overwrite(segmentFile(log, 0), torn.position + 80, new Uint8Array(24));
  const end = torn.base;
  actor.testify({ appended: end, intended: end, committed: end, exists: 1 });
}

const EVENTS: readonly Scenario[] = [
  {
    name: 'create a log of events',
    act(actor) {
      actor.arm();
      const writer = actor.openEvents(FOURS);
      times(2, () => writer.append());
      writer.refused();
      writer.batch(3);
      writer.commit();
    },
    isTyped: true,
  },
  {
    name: 'a newer schema',
    before: [
      async (actor) => {
        const writer = actor.openEvents(FOURS);
        times(3, () => writer.append());
        await writer.close();
      },
    ],
    async act(actor) {
      actor.arm();
      const { library, log } = actor;
      await library.openEventAppender(log, { ...FOURS, schema: newerSchema(actor) }).close();
    },
    isTyped: true,
  },
];

function newerSchema({ library }: Actor) {
  return library.defineSchema('torture.Witnessed', [
    { name: 'offset', type: 'double' },
    { name: 'batchStart', type: 'double' },
    { name: 'batchCount', type: 'uint' },
    { name: 'life', type: 'uint' },
    { name: 'text', type: 'string' },
    { name: 'more', type: 'string' },
  ]);
}

const repair: Act = (actor) => {
  actor.arm();
  actor.library.repairLog(actor.log);
};

/** A closed log that has been damaged, with the offsets that no repair can bring back. */
function damaged(name: string, damage: (log: string) => readonly number[]): Scenario {
  const before: Act = (actor) => {
    actor.copyBase('closed');
    actor.testifyLost(damage(actor.log));
    const end = NEVER_SYNCED_RECORDS;
    actor.testify({ appended: end, intended: end, committed: end, exists: 1 });
  };
  return { name: `repair ${name}`, before: [before], act: repair, isDamaged: true, isRepair: true };
}

function flipIn(log: string, segment: number, frame: number): number[] {
  const { position, base, count } = framesIn(log, segment)[frame] as ReturnType<
    typeof framesIn
  >[number];
  flipBit(segmentFile(log, segment), position + 70);
  return Array.from({ length: count }, (_, i) => base + i);
}

const REPAIRS: readonly Scenario[] = [
  damaged('flipped bits', (log) => [...flipIn(log, 0, 1), ...flipIn(log, 12, 0)]),
  damaged('exchanged segments', (log) => {
    const [first, second] = [segmentFile(log, 6), segmentFile(log, 12)];
    renameSync(first, `${first}.x`);
    renameSync(second, first);
    renameSync(`${first}.x`, second);
    return [];
  }),
  damaged('a missing control page', (log) => {
    rmSync(join(log, 'control'));
    return [];
  }),
  damaged('a missing segment', (log) => {
    rmSync(segmentFile(log, 6));
    return [6, 7, 8, 9, 10, 11];
  }),
  damaged('a header that does not hold', (log) => {
    flipBit(segmentFile(log, 12), 40);
    return [];
  }),
];

/** With a maintenance thread, which has a process started for each death. */
const THREADS: readonly Scenario[] = [
  {
    name: 'the thread prepares, flushes and checkpoints',
    async act(actor) {
      const writer = actor.open({ ...FOURS_EACH, flush: { everyMs: 3 }, maintenance: true });
      for (let i = 0; i < 12; i++) {
        writer.append();
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      await writer.dropBefore(6);
      await writer.appender.prepare();
      writer.batch(3);
      await writer.close();
    },
    inThread: true,
  },
  {
    name: 'the thread flushes sealed segments',
    async act(actor) {
      const writer = actor.open({ ...FOURS, maintenance: true });
      for (let i = 0; i < 20; i++) {
        writer.append();
        if (i % 5 === 4) await writer.flush();
      }
      await writer.dropBefore(12);
      writer.append();
    },
    inThread: true,
  },
];

export const SCENARIOS: readonly Scenario[] = [
  ...APPENDS,
  ...SEGMENTS,
  ...OPENINGS,
  ...EVENTS,
  ...REPAIRS,
  ...THREADS,
];

/** What anybody does who finds a log whose appender has died; for deaths in the middle of that. */
export const RECOVERY: Act = (actor) => {
  actor.arm();
  actor.library.openAppender(actor.log, EACH);
};
