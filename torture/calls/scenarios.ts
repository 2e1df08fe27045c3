/** What is done to a log while its calls fail. */
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Piscina } from 'piscina';
import type * as Stratalog from 'stratalog';
import type * as ControlFiles from '../../dist/control/control-file.js';
import type * as Residency from '../../dist/recovery/residency.js';
import { DIST } from '../places.js';
import { TriedAppender, recordAt, type Library, type Trial } from './trial.js';

export interface Scenario {
  readonly name: string;
  /** Rounds that its cases are spread over. */
  readonly parts: number;
  /** Whether it makes the same calls every time, so that every case must come to pass. */
  readonly isExact: boolean;
  /** Whether it takes views, whose mappings go with them. */
  readonly lends?: boolean;
  /** Makes the log that it begins with, once; every run gets a copy. */
  readonly template?: (log: string, plain: Library) => Promise<void>;
  /** What has to be done to each copy. */
  readonly afterCopy?: (log: string) => Promise<void>;
  /** Records in that log, all of them acknowledged. */
  readonly records?: number;
  run(trial: Trial): Promise<void>;
  /** Instead of `trial.checkLog`. */
  check?(trial: Trial): Promise<void>;
}

/** Records of a log that a scenario begins with: four segments. */
const COUNT = 90;
/** And the offset that a `dropBefore` has been told. */
const DROPPED = 40;

const SMALL: Stratalog.AppenderOptions = {
  segmentSizeBytes: 16 * 1024,
  maintenance: false,
  flush: 'none',
};

function with_(options: Stratalog.AppenderOptions): Stratalog.AppenderOptions {
  return { ...SMALL, ...options };
}

// --- Appending ---

/** All that an appender can do, with three rolls. */
async function work(trial: Trial, options: Stratalog.AppenderOptions, pauseMs = 0): Promise<void> {
  const pause = (): unknown => (pauseMs > 0 ? sleep(pauseMs) : undefined);
  const tried = await TriedAppender.open(trial, options);
  await tried.append(3);
  await tried.batch(4);
  await tried.reserve();
  await tried.commit();
  await pause();
  await tried.flush();
  await tried.append(14);
  await tried.prepare();
  await tried.append(14);
  await pause();
  await tried.flush();
  await tried.batch(5);
  await tried.dropBefore(tried.appender.nextOffset - 6);
  await tried.append(16);
  await pause();
  await tried.close();
}

const PAUSE_MS = 12;
const EVERY: Stratalog.FlushSchedule = { everyMs: 4 };

const APPENDING: Scenario[] = [
  {
    name: 'create a log in new folders',
    parts: 4,
    isExact: true,
    async run(trial) {
      const tried = await TriedAppender.open(trial, SMALL);
      await tried.append(3);
      await tried.close();
    },
  },
  { name: 'append', parts: 6, isExact: true, run: (trial) => work(trial, SMALL) },
  {
    name: 'append, committed by hand',
    parts: 6,
    isExact: true,
    run: (trial) => work(trial, with_({ commit: 'manual' })),
  },
  {
    name: 'append, each flushed',
    parts: 8,
    isExact: true,
    run: (trial) => work(trial, with_({ flush: 'each' })),
  },
  {
    name: 'append, flushed by a timer',
    parts: 30,
    isExact: false,
    run: (trial) => work(trial, with_({ flush: EVERY }), PAUSE_MS),
  },
  {
    name: 'append within a limit',
    parts: 6,
    isExact: true,
    run: (trial) => work(trial, with_({ maxLogBytes: 1024 * 1024 })),
  },
  {
    name: 'append with the thread',
    parts: 50,
    isExact: false,
    run: (trial) => work(trial, with_({ maintenance: true }), PAUSE_MS),
  },
  {
    name: 'append with the thread, each flushed',
    parts: 50,
    isExact: false,
    run: (trial) => work(trial, with_({ maintenance: true, flush: 'each' }), PAUSE_MS),
  },
  {
    name: 'append with the thread, which flushes',
    parts: 50,
    isExact: false,
    run: (trial) => work(trial, with_({ maintenance: true, flush: EVERY }), PAUSE_MS),
  },
];

// --- Opening ---

/** Three segments; `close` or not. What is not closed is a copy of a log that somebody had open. */
async function fill(
  log: string,
  library: Library,
  { records = COUNT, closed = false, options = SMALL }: Filling,
): Promise<void> {
  const live = closed ? log : `${log}.live`;
  const appender = library.openAppender(live, options);
  while (appender.nextOffset < records) appender.append(recordAt(appender.nextOffset));
  if (closed) return appender.close();
  cpSync(live, log, { recursive: true });
  await appender.close();
  rmSync(live, { recursive: true });
  return undefined;
}

interface Filling {
  readonly records?: number;
  readonly closed?: boolean;
  readonly options?: Stratalog.AppenderOptions;
}

/** Nothing is flushed, not even at a roll, so that recovery may find holes. */
const UNSYNCED = with_({ maintenance: true, flush: { everyMs: 2 ** 31 - 1 } });

export function segmentsOf(log: string): string[] {
  return readdirSync(log)
    .filter((name) => name.endsWith('.log'))
    .sort()
    .map((name) => join(log, name));
}

/** Flips a bit in the frame that holds the first of these bytes of the file after the first half. */
function damage(path: string, share: number): void {
  const bytes = readFileSync(path);
  const end = bytes.findLastIndex((byte) => byte !== 0);
  const at = 4096 + Math.floor((end - 4096) * share);
  bytes[at] = (bytes[at] as number) ^ 1;
  writeFileSync(path, bytes);
}

async function openAppendClose(trial: Trial): Promise<void> {
  const tried = await TriedAppender.open(trial, SMALL);
  // What recovery has cut off was not acknowledged as flushed.
  trial.acknowledged = Math.min(trial.acknowledged, tried.appender.nextOffset);
  await tried.append(2);
  await tried.close();
}

/** The same, of a log that holds all that was appended. */
async function openWholeAppendClose(trial: Trial): Promise<void> {
  const tried = await TriedAppender.open(trial, SMALL);
  if (tried.appender.nextOffset !== trial.acknowledged) {
    trial.fault(`opened at ${tried.appender.nextOffset} instead of ${trial.acknowledged}`);
  }
  await tried.append(2);
  await tried.close();
}

const OPENING: Scenario[] = [
  {
    name: 'open a closed log',
    parts: 4,
    isExact: true,
    records: COUNT,
    template: (log, plain) => fill(log, plain, { closed: true }),
    run: openWholeAppendClose,
  },
  {
    name: 'recover',
    parts: 8,
    isExact: true,
    records: COUNT,
    template: (log, plain) => fill(log, plain, {}),
    run: openWholeAppendClose,
  },
  {
    name: 'recover, and salvage the open frame',
    parts: 8,
    isExact: true,
    records: COUNT,
    template: (log, plain) => fill(log, plain, { options: with_({ commit: 'manual' }) }),
    afterCopy: nameSessionOfCopy,
    run: openWholeAppendClose,
  },
  {
    name: 'recover, and cut off a torn tail',
    parts: 10,
    isExact: true,
    records: COUNT,
    async template(log, plain) {
      await fill(log, plain, { options: UNSYNCED });
      damage(segmentsOf(log).at(-1) as string, 0.5);
    },
    run: openAppendClose,
  },
  {
    name: 'recover, and set segments aside',
    parts: 10,
    isExact: true,
    records: COUNT,
    async template(log, plain) {
      await fill(log, plain, { options: UNSYNCED });
      damage(segmentsOf(log)[1] as string, 0.5);
    },
    run: openAppendClose,
  },
  {
    name: 'recover, and build indexes anew',
    parts: 10,
    isExact: true,
    records: COUNT,
    async template(log, plain) {
      await fill(log, plain, {});
      for (const path of segmentsOf(log)) rmSync(path.replace('.log', '.index'));
      rmSync(join(log, 'readers'));
    },
    run: openWholeAppendClose,
  },
  {
    name: 'recover what a dropBefore and a roll have left behind',
    parts: 4,
    isExact: true,
    records: COUNT,
    async template(log, plain) {
      await fill(log, plain, { closed: true });
      const [first] = segmentsOf(log) as [string];
      cpSync(first, `${log}.first`);
      const appender = plain.openAppender(log, SMALL);
      await appender.dropBefore(DROPPED);
      await appender.close();
      renameSync(`${log}.first`, first);
      copyFileSync(join(log, 'readers'), join(log, 'prepared-0.log.tmp'));
      copyFileSync(join(log, 'readers'), join(log, `${'7'.padStart(20, '0')}.index`));
    },
    run: async (trial) => {
      trial.start = DROPPED;
      await openWholeAppendClose(trial);
    },
  },
];

/** The copy's own device and inode, as if its appender had died in this very boot. */
async function nameSessionOfCopy(log: string): Promise<void> {
  const from = (file: string): string => pathToFileURL(join(DIST, file)).href;
  const { ControlFile } = (await import(from('control/control-file.js'))) as typeof ControlFiles;
  const { bootId } = (await import(from('recovery/residency.js'))) as typeof Residency;
  const control = ControlFile.open(log, 'write');
  const { dev, ino } = statSync(segmentsOf(log).at(-1) as string, { bigint: true });
  control.writeSession({ bootId: bootId(), device: dev, inode: ino });
  control.close();
}

// --- Repairing and verifying ---

/** What is lost is lost, and the rest is there. */
async function repair(trial: Trial): Promise<void> {
  await trial.attempt('repair', () => trial.library.repairLog(trial.log));
}

/** Repaired without any fault, a copy holds the same. */
async function checkRepaired(trial: Trial, lost: number): Promise<void> {
  const { plain, log } = trial;
  const report = plain.repairLog(log);
  if (report.damage.length > 0) trial.fault(`damaged after a repair: ${JSON.stringify(report)}`);
  const found = plain.verifyLog(log);
  if (!found.isIntact || found.endOffset !== COUNT || COUNT - found.records !== lost) {
    trial.fault(`after the repair: ${JSON.stringify(found)}`);
  }
  const appender = plain.openAppender(log, SMALL);
  const { nextOffset } = appender;
  if (nextOffset !== COUNT) trial.fault(`the repaired log ends at ${nextOffset}`);
  await appender.close();
}

function repairing(name: string, lost: number, harm: (log: string) => void, parts = 10): Scenario {
  return {
    name: `repair ${name}`,
    parts,
    isExact: true,
    records: COUNT,
    async template(log, plain) {
      await fill(log, plain, { closed: true });
      harm(log);
    },
    run: repair,
    check: (trial) => checkRepaired(trial, lost),
  };
}

const REPAIRING: Scenario[] = [
  repairing('a damaged frame', 1, (log) => damage(segmentsOf(log)[1] as string, 0.5)),
  repairing('a missing control page', 0, (log) => rmSync(join(log, 'control'))),
  repairing('a damaged segment header', 0, (log) => {
    const path = segmentsOf(log)[0] as string;
    const bytes = readFileSync(path);
    bytes[100] = (bytes[100] as number) ^ 1;
    writeFileSync(path, bytes);
  }),
  repairing("segments that bear each other's names", 0, (log) => {
    const [, a, b] = segmentsOf(log) as [string, string, string];
    renameSync(a, `${a}.x`);
    renameSync(b, a);
    renameSync(`${a}.x`, b);
  }),
  {
    name: 'verify',
    parts: 2,
    isExact: true,
    records: COUNT,
    template: (log, plain) => fill(log, plain, {}),
    async run(trial) {
      const report = await trial.attempt('verify', () => trial.library.verifyLog(trial.log));
      if (!report.isIntact || report.records !== COUNT) trial.fault(JSON.stringify(report));
    },
  },
  {
    name: 'verify in threads',
    parts: 40,
    isExact: false,
    records: COUNT,
    template: (log, plain) => fill(log, plain, {}),
    async run(trial) {
      const pool = new Piscina({ minThreads: 1, maxThreads: 1 });
      trial.toClose('ending the pool', () => pool.destroy());
      const report = await trial.attempt('verify', () =>
        trial.library.verifyLogInParallel(trial.log, { pool }),
      );
      if (!report.isIntact || report.records !== COUNT) trial.fault(JSON.stringify(report));
    },
  },
];

// --- Reading ---

function expectRecord(trial: Trial, { offset }: Stratalog.RecordView, payload: Uint8Array): void {
  if (recordAt(offset).compare(payload) !== 0) trial.fault(`record ${offset} was read wrongly`);
}

async function openReader(
  trial: Trial,
  options?: Stratalog.ReaderOptions,
): Promise<Stratalog.Reader> {
  const reader = await trial.attempt('open a reader', () =>
    trial.library.openReader(trial.log, options),
  );
  trial.toClose('closing the reader', () => reader.close());
  return reader;
}

/** `get`, cursors, bounds, times and segments of the log as it is. */
async function readAll(trial: Trial, reader: Stratalog.Reader, end: number): Promise<void> {
  for (const offset of [end - 1, 0, 20]) {
    const record = await trial.attempt('get', () => reader.get(offset));
    expectRecord(trial, record, record.copyPayload());
  }
  const cursor = await trial.attempt('make a cursor', () => reader.cursor());
  trial.toClose('closing the cursor', () => cursor.close());
  let seen = 0;
  while (await trial.attempt('next', () => cursor.next())) {
    if (cursor.offset !== seen++) trial.fault(`a cursor went to ${cursor.offset}`);
    expectRecord(trial, cursor, cursor.copyPayload());
  }
  if (seen !== end) trial.fault(`a cursor saw ${seen} records instead of ${end}`);
  const segments = await trial.attempt('segments', () => reader.segments());
  const records = segments.reduce((sum, segment) => sum + segment.records, 0);
  if (records !== end) trial.fault(`segments hold ${records} records instead of ${end}`);
  await trial.attempt('offsetAtTime', () => reader.offsetAtTime(Date.now()));
  await trial.attempt('damage', () => reader.damage());
  await trial.attempt('flushedOffset', () => reader.flushedOffset);
}

const READING: Scenario[] = [
  {
    name: 'read a closed log',
    parts: 6,
    isExact: true,
    records: COUNT,
    template: (log, plain) => fill(log, plain, { closed: true }),
    async run(trial) {
      await readAll(trial, await openReader(trial), COUNT);
    },
  },
  {
    name: 'read a log whose appender has died',
    parts: 6,
    isExact: true,
    records: COUNT,
    template: (log, plain) => fill(log, plain, {}),
    async run(trial) {
      await readAll(trial, await openReader(trial, { access: 'sequential' }), COUNT);
    },
  },
  {
    name: 'read on while it rolls, is recovered and drops',
    parts: 8,
    isExact: true,
    records: COUNT,
    template: (log, plain) => fill(log, plain, {}),
    async run(trial) {
      const reader = await openReader(trial);
      const cursor = await trial.attempt('make a cursor', () => reader.cursor());
      trial.toClose('closing the cursor', () => cursor.close());
      const walk = async (end: number): Promise<void> => {
        while (await trial.attempt('next', () => cursor.next())) {
          expectRecord(trial, cursor, cursor.copyPayload());
        }
        if (cursor.nextOffset !== end) trial.fault(`read up to ${cursor.nextOffset}, not ${end}`);
      };
      await walk(COUNT);
      const appender = trial.plain.openAppender(trial.log, SMALL);
      trial.toClose('closing the appender', () => appender.close());
      const append = (end: number): void => {
        while (appender.nextOffset < end) appender.append(recordAt(appender.nextOffset));
        trial.acknowledged = trial.attempted = appender.nextOffset;
      };
      append(COUNT + 20);
      await walk(COUNT + 20);
      await appender.dropBefore(COUNT);
      trial.start = COUNT;
      append(COUNT + 60);
      await walk(COUNT + 60);
      const record = await trial.attempt('get', () => reader.get(COUNT + 59));
      expectRecord(trial, record, record.copyPayload());
      await trial.attempt('ask for the start', () => reader.startOffset);
    },
  },
  {
    name: 'follow by waiting',
    parts: 8,
    isExact: false,
    records: COUNT,
    template: (log, plain) => fill(log, plain, { closed: true }),
    run: (trial) => follow(trial, (tailer) => tailer.next({ timeoutMs: 2 })),
  },
  {
    name: 'follow on the event loop',
    parts: 60,
    isExact: false,
    records: COUNT,
    template: (log, plain) => fill(log, plain, { closed: true }),
    run: (trial) => follow(trial, (tailer) => tailer.nextAsync({ timeoutMs: 150 }), 2),
  },
  {
    name: 'look at it from outside',
    parts: 10,
    isExact: true,
    records: COUNT,
    template: (log, plain) => fill(log, plain, { closed: true }),
    async run(trial) {
      const { library, plain, log } = trial;
      const monitor = await trial.attempt('open a monitor', () => library.openMonitor(log));
      trial.toClose('closing the monitor', () => monitor.close());
      const appender = plain.openAppender(log, SMALL);
      trial.toClose('closing the appender', () => appender.close());
      for (const end of [COUNT + 10, COUNT + 20]) {
        while (appender.nextOffset < end) appender.append(recordAt(appender.nextOffset));
        trial.acknowledged = trial.attempted = end;
        const sample = await trial.attempt('sample', () => monitor.sample());
        if (sample.committedOffset !== end) trial.fault(`a sample says ${sample.committedOffset}`);
        if (sample.writer !== 'appending') trial.fault(`a sample says ${sample.writer}`);
      }
      const lock = await trial.attempt('inspect the lock', () => library.inspectLock(log));
      if (!lock.isLocked) trial.fault('the lock is told to be free');
    },
  },
  {
    name: 'scan in threads',
    parts: 90,
    isExact: false,
    records: COUNT,
    template: (log, plain) => fill(log, plain, { closed: true }),
    async run(trial) {
      const { library, log } = trial;
      const { value } = await trial.attempt('scan', () =>
        library.countRecords(log, { workers: 1 }),
      );
      if (value !== COUNT) trial.fault(`a scan counts ${value} records`);
    },
  },
];

/** Reads what is there, and then what comes, a record at a time. */
async function follow(
  trial: Trial,
  next: (tailer: Stratalog.Tailer) => boolean | Promise<boolean>,
  times = 4,
): Promise<void> {
  const reader = await openReader(trial);
  const tailer = await trial.attempt('make a tailer', () => reader.tailer({ from: COUNT - 10 }));
  trial.toClose('closing the tailer', () => tailer.close());
  const appender = trial.plain.openAppender(trial.log, SMALL);
  trial.toClose('closing the appender', () => appender.close());
  let seen = COUNT - 10;
  for (let end = COUNT + 1; end <= COUNT + 3 * times; end += 3) {
    while (await trial.attempt('next', () => next(tailer))) {
      if (tailer.record.offset !== seen++) trial.fault(`followed to ${tailer.record.offset}`);
      expectRecord(trial, tailer.record, tailer.record.copyPayload());
    }
    if (seen !== appender.nextOffset)
      trial.fault(`followed up to ${seen} of ${appender.nextOffset}`);
    while (appender.nextOffset < end) appender.append(recordAt(appender.nextOffset));
    trial.acknowledged = trial.attempted = end;
  }
  await trial.attempt('ask for the writer', () => tailer.writer);
  await trial.attempt('ask for the position', () => tailer.position);
  tailer.close();
}

// --- Events ---

interface Reading {
  readonly sensor: number;
  readonly value: number;
}

function readingAt(offset: number): Reading {
  return { sensor: offset, value: offset / 2 };
}

const EVENTS: Scenario[] = [
  {
    name: 'typed logs',
    parts: 50,
    isExact: true,
    lends: true,
    async run(trial) {
      const { library, log } = trial;
      const fields: Stratalog.FieldDefinition[] = [
        { name: 'sensor', type: 'uint' },
        { name: 'value', type: 'double' },
      ];
      const first = library.defineSchema('Reading', fields);
      const second = library.extendSchema(first, [{ name: 'more', type: 'uint' }]) ?? first;
      let end = 0;
      for (const schema of [first, second]) {
        const open = (): Stratalog.EventAppender =>
          library.openEventAppender(log, { ...SMALL, schema });
        const appender = await trial.attempt('open', open);
        trial.toClose('closing in the end', () => appender.close());
        for (const to = end + 130; end < to; end++) {
          const at = end;
          const given = await trial.attempt('append', () => appender.append(readingAt(at)));
          if (given !== at) trial.fault(`append gave ${given} instead of ${at}`);
        }
        await trial.tryOnce('close', () => appender.close());
      }
      trial.acknowledged = end;
      const reader = await trial.attempt('open a reader', () => library.openEventReader(log));
      trial.toClose('closing the reader', () => reader.records.close());
      await trial.attempt('look at the schema', () => library.inspectSchema(log));
      for (let offset = 0; offset < end; offset += 50) {
        const event = await trial.attempt('get', () => reader.get(offset).toObject());
        if ((event as Reading).sensor !== offset) trial.fault(`event ${offset} was read wrongly`);
      }
    },
    async check(trial) {
      const { plain, log, acknowledged } = trial;
      if (acknowledged === 0) return;
      await plain.openEventAppender(log, { ...SMALL }).close();
      const { isIntact, endOffset } = plain.verifyLog(log);
      if (!isIntact || endOffset !== acknowledged)
        trial.fault(`the typed log ends at ${endOffset}`);
    },
  },
];

export const SCENARIOS: readonly Scenario[] = [
  ...APPENDING,
  ...OPENING,
  ...REPAIRING,
  ...READING,
  ...EVENTS,
];

export function prepareFolder(path: string): string {
  mkdirSync(path, { recursive: true });
  return path;
}
