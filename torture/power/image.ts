/**
 * What a power cut may leave of a moment: of everything stored since the last syncs, each piece has
 * arrived or not; of the changes to directories any that can be without the others. All combinations
 * where they are few, and otherwise random ones and those that are known to hurt.
 */
import { below, pick } from '../random.js';
import { DIRECTORY, apply, directoryOf } from './disk.js';
import type { DiskMoment, FileMoment, NameChange } from './disk.js';
import { framesOf } from './frames.js';

export interface Image {
  /** By path. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly directories: readonly string[];
  /** How it was chosen. */
  readonly label: string;
  /** The same in full, for whoever has to understand a failure. */
  readonly describe: () => string;
}

export interface Budget {
  /** Images by chance. */
  readonly random: number;
  /** All combinations are tried where there are no more than this. */
  readonly exhaustive: number;
}

type Random = () => number;

const PAGE_BYTES = 4096;
const SECTOR_BYTES = 512;
const ZEROS = Buffer.alloc(PAGE_BYTES);
const FRAME_MAGIC = 0x4d415246;
/** A checkpoint slot may be torn in the middle: the other one is whole. */
const SLOT_SECTORS = [1, 2];

/** A piece of a file that may have arrived or not: its contents, the one on the disk first. */
interface Unit {
  readonly file: FileMoment;
  readonly at: number;
  readonly options: readonly Buffer[];
}

/** Everything that is open about one moment, in pieces of one size. */
interface Open {
  readonly moment: DiskMoment;
  readonly units: readonly Unit[];
  /** Lengths that a file may have, the one on the disk first; only where there are several. */
  readonly sizes: ReadonlyMap<number, readonly number[]>;
}

/** One way in which it may end. */
interface Outcome {
  readonly label: string;
  /** Option per unit. */
  readonly units: readonly number[];
  /** Option per file of `sizes`; the newest if it is not there. */
  readonly sizes: ReadonlyMap<number, number>;
  /** By change of names: whether it has arrived. */
  readonly changes: readonly boolean[];
}

/** Images of a moment, all different. */
export function* imagesOf(moment: DiskMoment, budget: Budget, random: Random): Generator<Image> {
  const pages = whatIsOpen(moment, PAGE_BYTES);
  const sectors = whatIsOpen(moment, SECTOR_BYTES);
  const seen = new Set<string>();
  const isNew = (grain: number, outcome: Outcome): boolean => {
    const sizes = [...outcome.sizes].join();
    const key = `${grain} ${outcome.units.join('')} ${sizes} ${outcome.changes.join()}`;
    return !seen.has(key) && seen.add(key) !== undefined;
  };
  if (combinations(pages) <= budget.exhaustive) {
    for (const outcome of allOutcomes(pages)) {
      if (isNew(PAGE_BYTES, outcome)) yield build(pages, outcome);
    }
  }
  for (const outcome of adversaries(sectors, random)) {
    if (isNew(SECTOR_BYTES, outcome)) yield build(sectors, outcome);
  }
  for (let i = 0; i < budget.random; i++) {
    const open = random() < 0.3 ? pages : sectors;
    const outcome = randomOutcome(open, random);
    if (isNew(open === pages ? PAGE_BYTES : SECTOR_BYTES, outcome)) yield build(open, outcome);
  }
  yield* tornSlots(sectors, random);
}

/**
 * Harsher than a power cut, and yet nothing may come of it: everything has arrived but the zeros that
 * recovery has stored at the beginning of this life, to the byte. What it has dropped lies behind what came
 * since, and only the chain tells that it does not follow. `before`: files as the last cut has left them.
 */
export function withoutZeros(
  moment: DiskMoment,
  before: ReadonlyMap<string, Uint8Array>,
): Image | undefined {
  const open = whatIsOpen(moment, SECTOR_BYTES);
  const changes = moment.changes.map(() => true);
  const units = open.units.map(({ options }) => options.length - 1);
  const label = 'everything but the zeros of recovery';
  const image = build(open, { label, units, sizes: new Map(), changes });
  // Behind a segment that was sealed, they would be in the way of the next one.
  const name =
    [...image.files.keys()]
      .filter((path) => isSegment(path))
      .sort()
      .at(-1) ?? '';
  const content = image.files.get(name);
  const old = before.get(name);
  // A file that has got a name that another one had is a new one.
  const isOld = [...moment.files.values()].some((file) => file.name === name && file.isOld);
  if (!isOld || content === undefined || old?.length !== content.length) return undefined;
  const frames = [...framesOf(content as Buffer)];
  const end = frames.at(-1)?.end ?? PAGE_BYTES;
  if (old.subarray(end).every((byte) => byte === 0)) return undefined;
  content.set(old.subarray(end), end);
  return image;
}

/** Whether two moments cannot be told apart by what a cut leaves of them. */
export function isSameMoment(a: DiskMoment, b: DiskMoment): boolean {
  if (a.files.size !== b.files.size || a.changes.length !== b.changes.length) return false;
  for (const [id, file] of a.files) {
    const other = b.files.get(id);
    if (other === undefined || file.name !== other.name) return false;
    if (file.synced !== other.synced && !file.synced.equals(other.synced)) return false;
    if (!file.current.equals(other.current)) return false;
  }
  return JSON.stringify(a.changes) === JSON.stringify(b.changes);
}

// --- What is open ---

function whatIsOpen(moment: DiskMoment, grain: number): Open {
  const units: Unit[] = [];
  const sizes = new Map<number, readonly number[]>();
  for (const file of moment.files.values()) {
    const contents = [file.synced, ...file.between, file.current];
    const lengths = [...new Set(contents.map(({ length }) => length))];
    if (lengths.length > 1) sizes.set(file.id, withShorter(lengths));
    for (let at = 0; at < Math.max(...lengths); at += grain) {
      const options = optionsAt(contents, at, grain);
      if (options.length > 1) units.push({ file, at, options });
    }
  }
  return { moment, units, sizes };
}

/** A file whose length is not on the disk may also have a part of it. */
function withShorter(lengths: readonly number[]): readonly number[] {
  const newest = lengths.at(-1) as number;
  const half = Math.floor(newest / 2 / SECTOR_BYTES) * SECTOR_BYTES;
  return [...new Set([...lengths.slice(0, -1), half, newest])];
}

function optionsAt(contents: readonly Buffer[], at: number, grain: number): Buffer[] {
  const options: Buffer[] = [];
  for (const content of contents) {
    const piece = pieceAt(content, at, grain);
    if (options.every((known) => !known.equals(piece))) options.push(piece);
  }
  // What the file holds now comes last.
  const now = pieceAt(contents.at(-1) as Buffer, at, grain);
  const others = options.filter((option) => !option.equals(now));
  return [...others, now];
}

/** What lies behind the end of a file, or in blocks that were never written, reads as zeros. */
function pieceAt(content: Buffer, at: number, grain: number): Buffer {
  const piece = content.subarray(at, at + grain);
  if (piece.length === grain) return piece;
  return Buffer.concat([piece, ZEROS.subarray(0, grain - piece.length)]);
}

// --- Outcomes ---

/** LOCK and the readers page are believed by nobody. */
function matters({ file }: Unit): boolean {
  return !/(^|\/)(LOCK|readers)$/.test(file.name);
}

function combinations({ units, sizes, moment }: Open): number {
  let count = moment.changes.length + 1;
  for (const unit of units) if (matters(unit)) count *= unit.options.length;
  for (const options of sizes.values()) count *= options.length;
  return count;
}

/** Every one, with the changes of names in order. */
function* allOutcomes(open: Open): Generator<Outcome> {
  const { units, sizes, moment } = open;
  const wheels = units.map((unit) => (matters(unit) ? unit.options.length : 1));
  const sized = [...sizes.entries()];
  const all = [...wheels, ...sized.map(([, options]) => options.length), moment.changes.length + 1];
  const at = all.map(() => 0);
  for (;;) {
    const arrived = at.at(-1) as number;
    yield {
      label: 'one of all',
      units: at.slice(0, wheels.length),
      sizes: new Map(sized.map(([id], i) => [id, at[wheels.length + i] as number])),
      changes: moment.changes.map((_, i) => i < arrived),
    };
    let wheel = 0;
    while (wheel < all.length && ++(at[wheel] as number) === all[wheel]) at[wheel++] = 0;
    if (wheel === all.length) return;
  }
}

function randomOutcome(open: Open, random: Random): Outcome {
  const { label, picks } = randomPicks(open.units, random);
  return {
    label,
    units: picks,
    sizes: random() < 0.7 ? new Map() : randomSizes(open, random),
    changes: randomChanges(open.moment.changes, random),
  };
}

function randomSizes({ sizes }: Open, random: Random): Map<number, number> {
  return new Map([...sizes].map(([id, options]) => [id, below(random, options.length)]));
}

/** All, some from the first on as a journal keeps them, or any. */
function randomChanges(changes: readonly NameChange[], random: Random): boolean[] {
  const kind = random();
  if (kind < 0.3) return changes.map(() => true);
  const arrived = below(random, changes.length + 1);
  if (kind < 0.65) return changes.map((_, i) => i < arrived);
  const share = random();
  return changes.map(() => random() < share);
}

function randomPicks(units: readonly Unit[], random: Random): { label: string; picks: number[] } {
  const newest = ({ options }: Unit): number => options.length - 1;
  const any = ({ options }: Unit): number => below(random, options.length);
  const kind = below(random, 7);
  if (kind === 0) return { label: 'any', picks: units.map(any) };
  if (kind <= 2) {
    const share = kind === 1 ? 0.9 : random();
    const choose = (unit: Unit): number => (random() < share ? newest(unit) : any(unit));
    return { label: `${Math.round(share * 100)} % new`, picks: units.map(choose) };
  }
  const one = below(random, units.length);
  if (kind === 3) {
    const choose = (unit: Unit, i: number): number => (i === one ? 0 : newest(unit));
    return { label: 'all but one', picks: units.map(choose) };
  }
  if (kind === 4) {
    const choose = (unit: Unit, i: number): number => (i === one ? newest(unit) : 0);
    return { label: 'only one', picks: units.map(choose) };
  }
  const files = new Map(units.map(({ file }) => [file.id, random() < 0.5]));
  if (kind === 5) {
    const choose = (unit: Unit): number => (files.get(unit.file.id) === true ? newest(unit) : 0);
    return { label: 'by file', picks: units.map(choose) };
  }
  const end = below(random, 8) * SECTOR_BYTES * 4 + SECTOR_BYTES * below(random, 8);
  const choose = (unit: Unit): number => (unit.at < end ? newest(unit) : 0);
  return { label: `up to ${end}`, picks: units.map(choose) };
}

// --- Those that are known to hurt ---

function* adversaries(open: Open, random: Random): Generator<Outcome> {
  const { units, moment } = open;
  const all = moment.changes.map(() => true);
  const none = moment.changes.map(() => false);
  const make = (label: string, isNew: (unit: Unit) => boolean, changes = all): Outcome => ({
    label,
    units: units.map((unit) => (isNew(unit) ? unit.options.length - 1 : 0)),
    sizes: new Map(),
    changes,
  });
  const isOf = (unit: Unit, end: string): boolean => unit.file.name.endsWith(end);
  yield make('nothing has arrived', () => false, none);
  yield make('all but names', () => true, none);
  yield make('names only', () => false);
  yield make('everything', () => true);
  if (units.length === 0) return;
  yield make('index ahead of the segment', (unit) => !isOf(unit, '.log'));
  yield make('segment ahead of the index', (unit) => !isOf(unit, '.index'));
  yield make('words ahead of the data', (unit) => isOf(unit, '.index') && unit.at < PAGE_BYTES);
  yield make('control ahead of the data', (unit) => isOf(unit, 'control'));
  yield make('data ahead of control', (unit) => !isOf(unit, 'control'));
  yield* withoutEarlierEnd(open, make);
  yield* halfFrames(open, make, random);
}

type Make = (label: string, isNew: (unit: Unit) => boolean) => Outcome;

/** The newest segment is there, and the end of the one before it is not. */
function* withoutEarlierEnd({ units }: Open, make: Make): Generator<Outcome> {
  const segments = [...new Set(units.map(({ file }) => file.name))].filter(isSegment).sort();
  const last = segments.at(-1);
  if (segments.length < 2 || last === undefined) return;
  yield make(
    'second segment without the end of the first',
    ({ file }) => !isSegment(file.name) || file.name === last,
  );
}

function isSegment(name: string): boolean {
  return /\/\d{20}\.log$/.test(name);
}

/** Of one frame the length word without the body, and the body without the length word. */
function* halfFrames({ units }: Open, make: Make, random: Random): Generator<Outcome> {
  const places = units.filter(({ file }) => isSegment(file.name));
  if (places.length === 0) return;
  const { file } = pick(random, places);
  const frames = framesIn(file.current).filter(({ at }) =>
    places.some((unit) => unit.file === file && unit.at === at - (at % SECTOR_BYTES)),
  );
  if (frames.length === 0) return;
  const { at, length } = pick(random, frames);
  const head = at - (at % SECTOR_BYTES);
  const isBody = (unit: Unit): boolean => unit.at > head && unit.at < at + length;
  const othersArrive = random() < 0.5;
  yield make('length word without body', (unit) => {
    if (unit.file !== file) return othersArrive;
    return unit.at <= head || (othersArrive && !isBody(unit));
  });
  yield make('body without length word', (unit) => unit.file !== file || unit.at !== head);
}

/** Frames by their magic, wherever they are. */
export function framesIn(content: Buffer): { at: number; length: number; from: number }[] {
  const frames: { at: number; length: number; from: number }[] = [];
  for (let at = PAGE_BYTES; at + 64 <= content.length; at += 8) {
    if (content.readUInt32LE(at + 60) !== FRAME_MAGIC) continue;
    const length = content.readUInt32LE(at);
    if (length < 64 || at + length > content.length) continue;
    frames.push({ at, length, from: Number(content.readBigUInt64LE(at + 8)) });
  }
  return frames;
}

/** A slot of the control page that is just being written, torn within its sector. */
function* tornSlots(open: Open, random: Random): Generator<Image> {
  const torn = open.units.filter(
    ({ file, at }) => file.name.endsWith('control') && SLOT_SECTORS.includes(at / SECTOR_BYTES),
  );
  // With both of them open, as after a kill within a checkpoint, a sector has to be old or new.
  const [slot] = torn;
  if (slot === undefined || torn.length > 1) return;
  const [older, newer] = [slot.options[0] as Buffer, slot.options.at(-1) as Buffer];
  const mixed = Buffer.from(older);
  for (let at = 0; at < 64; at += 8) if (random() < 0.5) newer.copy(mixed, at, at, at + 8);
  const units = open.units.map((unit) => (unit === slot ? { ...unit, options: [mixed] } : unit));
  const outcome = randomOutcome({ ...open, units }, random);
  yield build({ ...open, units }, { ...outcome, label: `torn slot, ${outcome.label}` });
}

// --- Building ---

function build({ moment, units, sizes }: Open, outcome: Outcome): Image {
  const entries = entriesAfter(moment, outcome.changes);
  const contents = new Map<number, Buffer>();
  for (const { id, synced, current, between } of moment.files.values()) {
    const lengths = [synced, current, ...between].map(({ length }) => length);
    const content = Buffer.alloc(Math.max(...lengths));
    synced.copy(content);
    contents.set(id, content);
  }
  for (const [i, { file, at, options }] of units.entries()) {
    options[outcome.units[i] as number]?.copy(contents.get(file.id) as Buffer, at);
  }
  for (const { id, current } of moment.files.values()) {
    const options = sizes.get(id);
    const chosen = outcome.sizes.get(id);
    const length = options === undefined || chosen === undefined ? current.length : options[chosen];
    contents.set(id, (contents.get(id) as Buffer).subarray(0, length));
  }
  const files = new Map<string, Uint8Array>();
  const directories: string[] = [];
  lay('', entries, contents, files, directories);
  return { files, directories, label: outcome.label, describe: () => describe(outcome, units) };
}

/** Nothing goes into a directory that is not there. */
function entriesAfter(
  { entries, changes }: DiskMoment,
  arrived: readonly boolean[],
): Map<string, Map<string, number>> {
  const after = new Map([...entries].map(([key, names]) => [key, new Map(names)]));
  const isThere = (directory: string): boolean => {
    if (directory === '') return true;
    const parent = directoryOf(directory);
    const name = directory.slice(directory.lastIndexOf('/') + 1);
    return isThere(parent) && after.get(parent)?.get(name) === DIRECTORY;
  };
  for (const [i, change] of changes.entries()) {
    if (arrived[i] !== true || !change.every(({ directory }) => isThere(directory))) continue;
    for (const one of change) apply(after, one);
  }
  return after;
}

function lay(
  directory: string,
  entries: ReadonlyMap<string, ReadonlyMap<string, number>>,
  contents: ReadonlyMap<number, Buffer>,
  files: Map<string, Uint8Array>,
  directories: string[],
): void {
  for (const [name, id] of entries.get(directory) ?? []) {
    const path = directory === '' ? name : `${directory}/${name}`;
    if (id === DIRECTORY) {
      directories.push(path);
      lay(path, entries, contents, files, directories);
    } else {
      files.set(path, contents.get(id) as Buffer);
    }
  }
}

function describe({ label, units, sizes, changes }: Outcome, all: readonly Unit[]): string {
  const pieces = all.map(({ file, at, options }, i) => {
    return `${file.name}@${at}:${units[i]}/${options.length - 1}`;
  });
  const names = changes.map((arrived) => (arrived ? '+' : '-')).join('');
  const lengths = [...sizes].map(([id, option]) => `${id}:${option}`).join(' ');
  return `${label} [${pieces.join(' ')}] names ${names} sizes ${lengths}`;
}
