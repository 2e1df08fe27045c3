/** Whether readers give right answers about a damaged log. */
import type * as Stratalog from 'stratalog';
import type { Expectation, Range, View } from './expectation.js';
import type { Image, TrueRecord } from './images.js';
import type { SecondFrame } from './second-reader.js';

export type Library = typeof Stratalog;

/** A log and what is right for it. */
export interface Case {
  readonly library: Library;
  readonly log: string;
  readonly image: Image;
  readonly expected: Expectation;
}

export function ensure(isSo: boolean, what: () => string): asserts isSo {
  if (!isSo) throw new Error(what());
}

/** What an action came to: its value, or an error of the library's own. Any other error is a fault. */
export type Outcome<T> = { readonly value: T } | { readonly error: Stratalog.LogError };

export function outcomeOf<T>({ library }: Pick<Case, 'library'>, action: () => T): Outcome<T> {
  try {
    return { value: action() };
  } catch (error) {
    if (error instanceof library.LogError) return { error };
    throw error;
  }
}

export function told(error: Error): string {
  return error.stack ?? error.message;
}

/** A reader of each kind. */
export function checkReaders(given: Case, kinds: readonly Stratalog.ReaderOptions[]): void {
  for (const options of kinds) checkReader(given, options);
}

export const EVERY_READER: readonly [
  Stratalog.ReaderOptions,
  ...(readonly Stratalog.ReaderOptions[]),
] = [
  { verify: 'first-touch' },
  { verify: 'always' },
  { verify: 'first-touch', bound: 'flushed' },
  { verify: 'never' },
];

function checkReader(given: Case, options: Stratalog.ReaderOptions): void {
  const { library, log, expected } = given;
  const opened = outcomeOf(given, () => library.openReader(log, options));
  if ('error' in opened) return checkRefusal(given, opened.error);
  const reader = opened.value;
  try {
    ensure(expected.views.length > 0, () => 'A log whose control page does not hold was opened');
    const isTrusted = options.verify !== 'never';
    new ReaderCheck(given, reader, isTrusted, options.bound === 'flushed').run();
  } catch (error) {
    throw new Error(`By a reader ${JSON.stringify(options)}`, { cause: error });
  } finally {
    reader.close();
  }
}

/** Nothing but the control page keeps a log from being opened. */
export function checkRefusal({ log, expected }: Case, error: Stratalog.LogError): void {
  ensure(expected.views.length === 0, () => `Refused although control is sound: ${told(error)}`);
  const isNamed =
    error.code === 'NOT_A_LOG' || ('path' in error && error.path === `${log}/control`);
  const isJustified = ['CORRUPTION', 'NOT_A_LOG'].includes(error.code);
  ensure(isNamed && isJustified, () => `Refused for another reason: ${told(error)}`);
}

/** One reader's answers, in every way of asking. */
class ReaderCheck {
  readonly #given: Case;
  readonly #reader: Stratalog.Reader;
  /** Whether checksums are computed. */
  readonly #isTrusted: boolean;
  readonly #followsFlushed: boolean;
  readonly #view: View;
  readonly #bound: number;
  readonly #read = new Set<number>();

  constructor(given: Case, reader: Stratalog.Reader, isTrusted: boolean, followsFlushed: boolean) {
    this.#given = given;
    this.#reader = reader;
    this.#isTrusted = isTrusted;
    this.#followsFlushed = followsFlushed;
    this.#view = this.#viewSeen();
    this.#bound = this.#expectedBound();
  }

  run(): void {
    this.#checkBounds();
    this.#getAll();
    this.#walkForward();
    this.#walkBackward();
    this.#seekTimes();
  }

  /** The reader's bound tells which of the views that are right it has taken. */
  #viewSeen(): View {
    const { views } = this.#given.expected;
    const committed = this.#reader.committedOffset;
    const view = views.find((one) => this.#reachable(one) === committed);
    ensure(view !== undefined, () => {
      return `committedOffset is ${committed}, not ${views.map((one) => this.#reachable(one)).join(' or ')}`;
    });
    return view;
  }

  /** Exclusive bound of what can be reached: a last segment that cannot be used ends it. */
  #reachable({ tail, isWalked }: View): number {
    const { image, expected } = this.#given;
    const last = image.bases.at(-1) as number;
    return !isWalked && expected.unusable.has(last) ? last : tail;
  }

  #expectedBound(): number {
    const reachable = this.#reachable(this.#view);
    return this.#followsFlushed ? Math.min(reachable, this.#view.durable) : reachable;
  }

  #checkBounds(): void {
    const { startOffset, flushedOffset, boundOffset } = this.#reader;
    const { image } = this.#given;
    ensure(startOffset === image.checkpoint.start, () => `startOffset is ${startOffset}`);
    const flushed = Math.min(this.#reachable(this.#view), this.#view.durable);
    ensure(flushedOffset === flushed, () => `flushedOffset is ${flushedOffset}, not ${flushed}`);
    ensure(boundOffset === this.#bound, () => `boundOffset is ${boundOffset}, not ${this.#bound}`);
  }

  #getAll(): void {
    const { frames, end } = this.#given.image;
    for (const frame of frames) {
      for (let at = frame.base; at < frame.base + frame.count; at++) this.#get(at, frame);
    }
    for (const past of [end, end + 7]) {
      const { error } = this.#failure(() => this.#reader.get(past), `get(${past})`);
      ensure(error.code === 'OFFSET_OUT_OF_RANGE', () => `get(${past}): ${told(error)}`);
    }
  }

  #failure(action: () => unknown, what: string): { error: Stratalog.LogError } {
    const outcome = outcomeOf(this.#given, action);
    ensure('error' in outcome, () => `${what} should have failed`);
    return outcome;
  }

  #get(offset: number, frame: SecondFrame): void {
    const outcome = outcomeOf(this.#given, () => this.#reader.get(offset));
    if ('error' in outcome) return this.#checkGetError(offset, frame, outcome.error);
    ensure(offset < this.#bound, () => `Record ${offset} was read, past the bound ${this.#bound}`);
    this.#checkRecord(offset, outcome.value);
    this.#read.add(offset);
  }

  #checkGetError(offset: number, frame: SecondFrame, error: Stratalog.LogError): void {
    const what = (): string => `get(${offset}): ${told(error)}`;
    if (offset >= this.#bound) {
      const isDamaged = this.#view.tail < this.#view.durable;
      const codes = isDamaged ? ['CORRUPTION', 'OFFSET_OUT_OF_RANGE'] : ['OFFSET_OUT_OF_RANGE'];
      ensure(codes.includes(error.code), what);
      if (error.code === 'CORRUPTION') this.#checkNamed(offset, error);
      return;
    }
    if (this.#isSound(frame)) {
      ensure(frame.isGap && error.code === 'LOST', what);
      const { from, to } = (error as Stratalog.RecordLostError).lost;
      ensure(from === frame.base && to === frame.base + frame.count, what);
      return;
    }
    if (!this.#isTrusted) return;
    ensure(error.code === 'CORRUPTION', what);
    this.#checkNamed(offset, error);
  }

  #isSound(frame: SecondFrame): boolean {
    const { intact, unusable } = this.#given.expected;
    return intact.has(frame) && !unusable.has(frame.segment);
  }

  /** A file that has changed, and no offset that could have been read. */
  #checkNamed(offset: number, error: Stratalog.LogError): Range {
    const { log, expected, image } = this.#given;
    const { path, lost } = error as Stratalog.CorruptionError;
    const isNamed = [...expected.changed].some((name) => path === `${log}/${name}`);
    ensure(isNamed, () => `An error names another file: ${told(error)}`);
    ensure(lost !== undefined && lost.from <= offset && offset < lost.to, () => {
      return `An error of ${offset} names other offsets: ${told(error)}`;
    });
    const readable = image.frames.find((frame) => {
      const isInside = frame.base >= lost.from && frame.base < lost.to;
      return isInside && frame.base < this.#view.tail && this.#isSound(frame);
    });
    ensure(readable === undefined, () => {
      return `An error claims sound records from ${readable?.base} on: ${told(error)}`;
    });
    return lost;
  }

  #checkRecord(offset: number, record: Stratalog.RecordView): void {
    const truth = this.#given.image.records.get(offset);
    ensure(truth !== undefined, () => `Record ${offset}, which was lost, was read`);
    if (!this.#isTrusted && !this.#isSound(truth.frame)) return;
    ensure(this.#isSound(truth.frame), () => `Record ${offset} of a damaged frame was read`);
    ensure(record.offset === offset, () => `Record ${offset} says that it is ${record.offset}`);
    ensure(truth.payload.equals(record.copyPayload()), () => wrongPayload(offset, truth, record));
    ensure(record.timeNs === truth.timeNs, () => `Record ${offset} has the time ${record.timeNs}`);
  }

  #walkForward(): void {
    const cursor = this.#reader.cursor();
    const seen = new Set<number>();
    let next = this.#reader.startOffset;
    for (;;) {
      const moved = outcomeOf(this.#given, () => cursor.next());
      if ('error' in moved) {
        const past = this.#pastDamage(next, moved.error, 'next()');
        if (past === undefined) break;
        cursor.seek((next = past));
        continue;
      }
      if (!moved.value) {
        this.#checkEnd(next);
        break;
      }
      next = this.#afterGaps(next);
      ensure(
        cursor.offset === next || !this.#isTrusted,
        () => `${cursor.offset} follows ${next - 1}`,
      );
      this.#checkRecord(cursor.offset, cursor);
      seen.add(cursor.offset);
      next = cursor.offset + 1;
    }
    cursor.close();
    this.#checkAllRead(seen, 'by walking on');
  }

  /** Where to go on behind an error; `undefined`: nothing can be read behind it. */
  #pastDamage(at: number, error: Stratalog.LogError, what: string): number | undefined {
    const offset = this.#afterGaps(at);
    const whole = (): string => `${what} at ${offset}: ${told(error)}`;
    const { image } = this.#given;
    if (!this.#isTrusted && error.code !== 'CORRUPTION') return undefined;
    ensure(error.code === 'CORRUPTION', whole);
    if (offset >= this.#bound) {
      ensure(this.#view.tail < this.#view.durable, whole);
      this.#checkNamed(offset, error);
      return undefined;
    }
    if (!this.#isTrusted) return (error as Stratalog.CorruptionError).lost?.to;
    const frame = image.frames.find(({ base, count }) => offset < base + count) as SecondFrame;
    ensure(!this.#isSound(frame), whole);
    return this.#checkNamed(offset, error).to;
  }

  #afterGaps(offset: number): number {
    const { frames } = this.#given.image;
    const gap = frames.find(
      (frame) => frame.isGap && frame.base === offset && this.#isSound(frame),
    );
    return gap === undefined ? offset : this.#afterGaps(gap.base + gap.count);
  }

  /** The last offset below this one that is not of a gap. */
  #beforeGaps(offset: number): number {
    const { frames } = this.#given.image;
    const gap = frames.find((frame) => {
      return frame.isGap && frame.base + frame.count === offset && this.#isSound(frame);
    });
    return gap === undefined ? offset - 1 : this.#beforeGaps(gap.base);
  }

  #checkEnd(next: number): void {
    const at = this.#afterGaps(next);
    ensure(at === this.#bound, () => `A walk ended at ${at}, not ${this.#bound}, without an error`);
    const { tail, durable } = this.#view;
    const isSilent = !this.#followsFlushed && tail < durable;
    ensure(!isSilent, () => `A walk ended at ${at} as if nothing were missing below ${durable}`);
  }

  #walkBackward(): void {
    const cursor = this.#reader.cursor({ from: 'end' });
    const seen = new Set<number>();
    let before = this.#bound;
    for (;;) {
      const moved = outcomeOf(this.#given, () => cursor.previous());
      if ('error' in moved) {
        const { error } = moved;
        const what = (): string => `previous() before ${before}: ${told(error)}`;
        ensure(!this.#isTrusted || error.code === 'CORRUPTION', what);
        const lost = (error as Stratalog.CorruptionError).lost;
        if (!this.#isTrusted && lost === undefined) break;
        const { from } = this.#isTrusted
          ? this.#checkNamed(this.#beforeGaps(before), error)
          : (lost as Range);
        if (from >= before) break;
        cursor.seek((before = from));
        continue;
      }
      if (!moved.value) break;
      ensure(cursor.offset < before, () => `previous() before ${before} went to ${cursor.offset}`);
      this.#checkRecord(cursor.offset, cursor);
      seen.add(cursor.offset);
      before = cursor.offset;
    }
    cursor.close();
    this.#checkAllRead(seen, 'by walking back');
  }

  #checkAllRead(seen: ReadonlySet<number>, how: string): void {
    for (const [offset, { frame }] of this.#given.image.records) {
      if (offset >= this.#bound || !this.#isSound(frame)) continue;
      ensure(seen.has(offset) && this.#read.has(offset), () => {
        return `The sound record ${offset} was not read ${seen.has(offset) ? 'by get' : how}`;
      });
    }
  }

  #seekTimes(): void {
    const { image, expected } = this.#given;
    for (const place of [0.1, 0.5, 0.95]) {
      const frame = image.frames[Math.floor(image.frames.length * place)] as SecondFrame;
      const timeMs = Number(frame.timeNs / 1_000_000n);
      const found = outcomeOf(this.#given, () => this.#reader.offsetAtTime(timeMs));
      if ('error' in found) {
        const isAllSound =
          expected.intact.size === image.frames.length && expected.unusable.size === 0;
        const isJustified = !isAllSound && (found.error.code === 'CORRUPTION' || !this.#isTrusted);
        ensure(isJustified, () => `offsetAtTime(${timeMs}): ${told(found.error)}`);
        continue;
      }
      if (!this.#isTrusted) continue;
      const right = Math.min(firstAt(image, frame.timeNs), this.#bound);
      ensure(
        found.value === right,
        () => `offsetAtTime(${timeMs}) is ${found.value}, not ${right}`,
      );
    }
  }
}

/** A gap carries the time of the frame before it, and counts as the record behind it. */
function firstAt({ frames }: Image, timeNs: bigint): number {
  const at = frames.findIndex((frame) => frame.timeNs >= timeNs && !frame.isGap);
  const first = frames[at] as SecondFrame;
  const before = frames[at - 1];
  return before?.isGap === true ? before.base : first.base;
}

function wrongPayload(offset: number, truth: TrueRecord, record: Stratalog.RecordView): string {
  const found = Buffer.from(record.copyPayload()).toString('latin1').slice(0, 60);
  return `Record ${offset} should be ${truth.payload.toString('latin1', 0, 60)}, and is ${found}`;
}
