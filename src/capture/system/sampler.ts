/** Reads all counters of a tick into one event. */
import type { EventSchema } from '../../events/schema.js';
import { EventImage, type FieldPlace } from './event-image.js';
import { KernelFile } from './kernel-file.js';
import type { FilePlan } from './plan.js';
import { storeReading, type PortableReading } from './portable-readings.js';
import { RowParser } from './row-parser.js';
import { SampleClock } from './sample-clock.js';

/** What an event has besides counters. */
export const SAMPLE_FIELDS = [
  {
    name: 'time_ns',
    type: 'long',
    comment:
      'Wall-clock time at which reading began, in ns since 1970. It goes back when the clock is set back',
  },
  { name: 'late_ns', type: 'ulong', comment: 'How long after its time the tick came, in ns' },
  {
    name: 'missed',
    type: 'ulong',
    comment: 'Ticks left out between the event before and this one, because their time had passed',
  },
] as const;

/** So often a file is looked through for lines that are new, or have come back. */
const WHOLE_EVERY_MS = 100;

/** When it is due again. */
interface Turn {
  readonly everyTicks: number;
  nextTick: number;
}

interface FileReading extends Turn {
  readonly file: KernelFile;
  readonly parser: RowParser;
  /** When it is looked through again for what is new. */
  wholeAtMs: number;
}

interface OtherReading extends Turn {
  readonly reading: PortableReading;
  readonly places: readonly FieldPlace[];
}

export interface Readings {
  readonly files: readonly FilePlan[];
  readonly others: readonly PortableReading[];
}

/** When is read what changes slowly, or takes long. */
export interface Pace {
  readonly rateHz: number;
  /** At every tick, and not only as often as the plans say. */
  readonly isEveryTick: boolean;
}

export class Sampler {
  readonly #image: EventImage;
  readonly #clock = new SampleClock();
  readonly #time: FieldPlace;
  readonly #late: FieldPlace;
  readonly #missed: FieldPlace;
  readonly #files: readonly FileReading[];
  readonly #others: readonly OtherReading[];

  /** `schema` has a field for every counter; its other fields are left out. */
  constructor({ files, others }: Readings, schema: EventSchema, pace: Pace) {
    const image = new EventImage(schema);
    this.#image = image;
    this.#time = image.placeOf('time_ns');
    this.#late = image.placeOf('late_ns');
    this.#missed = image.placeOf('missed');
    this.#files = files.map((plan) => ({
      file: new KernelFile(plan.path),
      parser: new RowParser(plan, image),
      wholeAtMs: -Infinity,
      everyTicks: everyTicks(plan.maxHz, pace),
      nextTick: 0,
    }));
    this.#others = others.map((reading) => ({
      reading,
      places: reading.counters.map(({ name }) => image.placeOf(name)),
      everyTicks: everyTicks(reading.maxHz, pace),
      nextTick: 0,
    }));
  }

  /**
   * Reads what is due at this tick and returns the event, a FlatBuffer that is valid until the next call.
   * What is not read, or cannot be, is left out.
   */
  sample(tick: number, nowMs: number, lateMs: number, missed: number): Uint8Array {
    const image = this.#image;
    image.clear();
    this.#clock.store(nowMs, image.words, image.occupy(this.#time));
    image.setInteger(this.#late, Math.round(lateMs * 1e6));
    image.setInteger(this.#missed, missed);
    for (let i = 0; i < this.#files.length; i++) {
      const due = this.#files[i] as FileReading;
      if (tick < due.nextTick) continue;
      due.nextTick = nextTurn(tick, due.everyTicks);
      readFile(due, nowMs);
    }
    if (this.#others.length > 0) this.#readOthers(tick);
    return image.bytes;
  }

  /** Lines that were not there when the capture was opened, by file: new disks, new interfaces. */
  appeared(): Record<string, readonly string[]> {
    const found = this.#files.filter(({ parser }) => parser.appeared.length > 0);
    return Object.fromEntries(found.map(({ file, parser }) => [file.path, [...parser.appeared]]));
  }

  /** How often files could not be read, by file. */
  failedReads(): Record<string, number> {
    const failed = this.#files.filter(({ file }) => file.failures > 0);
    return Object.fromEntries(failed.map(({ file }) => [file.path, file.failures]));
  }

  close(): void {
    for (const { file } of this.#files) file.close();
  }

  #readOthers(tick: number): void {
    for (const due of this.#others) {
      if (tick < due.nextTick) continue;
      due.nextTick = nextTurn(tick, due.everyTicks);
      storeReading(due.reading, due.places, this.#image);
    }
  }
}

/**
 * Ten times a second, and when a line is missing, the whole file is read and looked through; otherwise as
 * much as it was then, and only the lines of interest that were there then.
 */
function readFile(reading: FileReading, nowMs: number): void {
  const { file, parser } = reading;
  if (nowMs < reading.wholeAtMs) {
    const length = file.read(nowMs, false);
    if (length > 0 && parser.parseWanted(file.bytes, length)) return;
  }
  reading.wholeAtMs = nowMs + WHOLE_EVERY_MS;
  const length = file.read(nowMs, true);
  if (length > 0) parser.parse(file.bytes, length);
}

function everyTicks(maxHz: number, { rateHz, isEveryTick }: Pace): number {
  return isEveryTick ? 1 : Math.max(1, Math.ceil(rateHz / maxHz));
}

/** Turns are multiples; one that was missed is made up for at the next tick there is. */
function nextTurn(tick: number, every: number): number {
  return tick - (tick % every) + every;
}
