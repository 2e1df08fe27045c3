/** Whether verification, recovery and repair do right by a damaged log. */
import { basename, join } from 'node:path';
import type * as Stratalog from 'stratalog';
import { expectationOf, type Range } from './expectation.js';
import type { Image } from './images.js';
import { payloadOf } from './payloads.js';
import { checkRefusal, ensure, outcomeOf, told, type Case } from './read-checks.js';
import { PAGE, faultsOf, type Files } from './second-reader.js';
import type { Workplace } from './workplace.js';

/** Appended by the campaign: like no record of the images. */
const NEW = 'new';

export function checkVerification(given: Case): void {
  const { library, log, expected } = given;
  const verified = outcomeOf(given, () => library.verifyLog(log));
  if ('error' in verified) return checkRefusal(given, verified.error);
  ensure(expected.checkpoint !== undefined, () => 'A log without a control page was verified');
  const { isIntact, endOffset, damage } = verified.value;
  const { whole } = expected;
  const report = (): string => JSON.stringify(verified.value);
  ensure(isIntact === whole.isIntact, () => `Found intact: ${isIntact}, wrongly: ${report()}`);
  ensure(endOffset === whole.end, () => `Found to end at ${endOffset}, not ${whole.end}`);
  checkDamage(given, damage);
}

/** The lost offsets to the last one; each damage in a file that has changed, from where it has. */
function checkDamage(given: Case, damage: readonly Stratalog.Damage[]): void {
  const { expected, log } = given;
  const lost = damage.flatMap((one) => (one.lost === undefined ? [] : [one.lost]));
  ensure(sameRanges(lost, expected.whole.lost), () => {
    return `Lost: ${JSON.stringify(lost)}, not ${JSON.stringify(expected.whole.lost)}`;
  });
  for (const one of damage) {
    const what = (): string => `Damage that is none: ${JSON.stringify(one)}`;
    ensure(
      [...expected.changed].some((name) => one.path === join(log, name)),
      what,
    );
    const isHeader = one.lost === undefined && one.position === 0 && one.lengthBytes === PAGE;
    if (!isHeader) ensure(isDamagedRange(given, one), what);
  }
}

/** Nothing but frames that are damaged, and all of them, up to the next intact one. */
function isDamagedRange({ image, expected }: Case, damage: Stratalog.Damage): boolean {
  const end = damage.position + damage.lengthBytes;
  const segment = Number.parseInt(basename(damage.path), 10);
  // Where frames end in a segment of unknown size is not told.
  if (expected.unusable.has(segment)) return true;
  const inside = image.frames.filter(({ segment: own, position }) => {
    return own === segment && position >= damage.position && position < end;
  });
  return (
    inside.length > 0 &&
    inside[0]?.position === damage.position &&
    inside.every((frame) => !expected.intact.has(frame))
  );
}

function sameRanges(one: readonly Range[], other: readonly Range[]): boolean {
  return JSON.stringify(joined(one)) === JSON.stringify(joined(other));
}

function joined(ranges: readonly Range[]): Range[] {
  const all: { from: number; to: number }[] = [];
  for (const { from, to } of ranges.toSorted((a, b) => a.from - b.from)) {
    const last = all.at(-1);
    if (last?.to === from) last.to = to;
    else all.push({ from, to });
  }
  return all;
}

/** Opens for appending: either goes on where the log ends, or changes nothing. */
export async function checkAppender(given: Case, place: Workplace, files: Files): Promise<void> {
  const { library, log, expected, image } = given;
  const opened = outcomeOf(given, () => openQuietly(library, log));
  if ('error' in opened) {
    const { error } = opened;
    if (expected.views.length === 0) checkRefusal(given, error);
    else {
      const isJustified = expected.views.some(({ isOpenable }) => !isOpenable);
      ensure(isJustified && error.code === 'CORRUPTION', () => `No appender: ${told(error)}`);
    }
    return checkUnchanged(place, files);
  }
  const appender = opened.value;
  const { recovery, nextOffset } = appender;
  const view = expected.views.find((one) => one.isOpenable && one.tail === nextOffset);
  appender.appendBatch([payloadOf(nextOffset, NEW), payloadOf(nextOffset + 1, NEW)]);
  appender.append(payloadOf(nextOffset + 2, NEW));
  await appender.close();
  ensure(view !== undefined, () => {
    return `An appender goes on at ${nextOffset}, not ${JSON.stringify(expected.views)}`;
  });
  ensure(recovery.salvagedRecords === 0, () => `Salvaged from a copy: ${JSON.stringify(recovery)}`);
  checkContinued(given, nextOffset, false);
  const isAllSound = expected.intact.size === image.frames.length && expected.unusable.size === 0;
  if (isAllSound && view.isWalked) checkFaults(given, place);
}

function openQuietly(library: Case['library'], log: string): Stratalog.Appender {
  return library.openAppender(log, { flush: 'none', maintenance: false, commit: 'manual' });
}

function checkUnchanged(place: Workplace, files: Files): void {
  const now = place.contents();
  const names = new Set([...files.keys(), ...now.keys()]);
  names.delete('LOCK');
  const changed = [...names].filter((name) => {
    const before = files.get(name);
    const after = now.get(name);
    return before === undefined || after === undefined || !before.equals(after);
  });
  ensure(changed.length === 0, () => `An opening that was refused changed ${changed.join(', ')}`);
}

/** The faults of indexes that recovery had no reason to look at are left to readers. */
function checkFaults({ image, expected }: Case, place: Workplace): void {
  const files = place.contents();
  const faults = faultsOf(files).filter((fault) => {
    const isOfIndex = /index|entry|word/.test(fault);
    return !isOfIndex || ![...expected.changed].some((name) => name.endsWith('.index'));
  });
  ensure(
    faults.length === 0,
    () => `${image.name}: after recovery, ${faults.slice(0, 3).join('; ')}`,
  );
}

/** Everything from the start to `end` as far as it was sound, then what the campaign has appended. */
function checkContinued(given: Case, end: number, isRepaired: boolean): void {
  const { library, log, image, expected } = given;
  const reader = library.openReader(log);
  try {
    const bound = reader.committedOffset;
    ensure(
      bound === end + 3,
      () => `Three records were appended at ${end}, and the end is ${bound}`,
    );
    for (const [offset, { frame, payload }] of image.records) {
      if (offset >= end) break;
      const isReadable = isRepaired || !expected.unusable.has(frame.segment);
      if (!expected.intact.has(frame) || !isReadable) continue;
      const found = reader.get(offset).copyPayload();
      ensure(payload.equals(found), () => `Record ${offset} has changed`);
    }
    for (const offset of [end, end + 1, end + 2]) {
      const found = reader.get(offset).copyPayload();
      ensure(payloadOf(offset, NEW).equals(found), () => `Appended record ${offset} is another`);
    }
  } finally {
    reader.close();
  }
}

export interface RepairDepth {
  /** Also appends afterwards, and repairs a second time. */
  readonly isDeep: boolean;
}

/** Repairs: nothing intact is lost, and what is lost is told. */
export async function checkRepair(
  given: Case,
  place: Workplace,
  { isDeep }: RepairDepth,
): Promise<void> {
  const { library, log, image, expected } = given;
  const report = library.repairLog(log);
  checkDamage(given, report.damage);
  ensure(sameRanges(report.lost, expected.whole.lost), () => `Lost: ${JSON.stringify(report)}`);
  checkRepaired(given, place);
  if (!isDeep) return;
  const again = library.repairLog(log);
  const isIdle = [again.damage, again.lost, again.rewritten, again.setAside].every(
    (list) => list.length === 0,
  );
  ensure(isIdle, () => `A second repair had something to do: ${JSON.stringify(again)}`);
  const appender = openQuietly(library, log);
  const at = appender.nextOffset;
  ensure(at === expected.whole.end, () => `After repair, ${at} is next, not ${expected.whole.end}`);
  for (let i = 0; i < 3; i++) appender.append(payloadOf(at + i, NEW));
  await appender.close();
  checkContinued(given, at, true);
  const faults = faultsAtRest(image, place);
  ensure(faults.length === 0, () => `${image.name}: appended after repair, ${faults.join('; ')}`);
}

/** Behind the end of a log that was closed, nobody looks: whoever appends overwrites what is there. */
function faultsAtRest({ checkpoint }: Image, place: Workplace): string[] {
  const faults = faultsOf(place.contents());
  return checkpoint.clean ? faults.filter((fault) => !fault.startsWith('bytes behind')) : faults;
}

function checkRepaired({ library, log, image, expected }: Case, place: Workplace): void {
  const { end, lost } = expected.whole;
  const verified = library.verifyLog(log);
  ensure(verified.isIntact && verified.endOffset === end, () => {
    return `After repair, the log is ${JSON.stringify(verified)}, not intact up to ${end}`;
  });
  const reader = library.openReader(log);
  try {
    ensure(reader.damage().length === 0, () => `After repair: ${reader.damage().join(', ')}`);
    const cursor = reader.cursor();
    const read = new Set<number>();
    while (cursor.next()) {
      const { offset } = cursor;
      const truth = image.records.get(offset);
      ensure(truth?.payload.equals(cursor.copyPayload()) ?? false, () => `Wrong: record ${offset}`);
      ensure(!isIn(offset, lost), () => `Record ${offset} is lost, and was read`);
      read.add(offset);
    }
    cursor.close();
    for (const [offset, { frame }] of image.records) {
      const isKept = offset < end && expected.intact.has(frame);
      ensure(!isKept || read.has(offset), () => `Repair lost the intact record ${offset}`);
    }
    for (const { from } of lost) checkLost(library, reader, from);
  } finally {
    reader.close();
  }
  const faults = faultsAtRest(image, place);
  ensure(
    faults.length === 0,
    () => `${image.name}: after repair, ${faults.slice(0, 3).join('; ')}`,
  );
}

function checkLost(library: Case['library'], reader: Stratalog.Reader, offset: number): void {
  const outcome = outcomeOf({ library }, () => reader.get(offset));
  const isTold = 'error' in outcome && outcome.error.code === 'LOST';
  ensure(isTold, () => `Record ${offset} was lost, and reading it does not say so`);
}

function isIn(offset: number, ranges: readonly Range[]): boolean {
  return ranges.some(({ from, to }) => offset >= from && offset < to);
}

/** What is right for these files. */
export function caseOf(
  library: Case['library'],
  place: Workplace,
  image: Image,
  files: Files,
): Case {
  return { library, log: place.log, image, expected: expectationOf(image, files) };
}
