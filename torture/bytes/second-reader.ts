/**
 * FORMAT.md, read a second time: a small decoder that shares nothing with the library, so that the
 * library's answers about damaged files can be held against something. It works on whole files in
 * memory, and knows only version 1.
 */

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0x82f63b78;
  return crc;
});

/** CRC-32C of some bytes, going on from the finished CRC `seed`; unsigned. */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  let crc = ~seed;
  for (const byte of bytes) crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 255] as number);
  return ~crc >>> 0;
}

export const PAGE = 4096;
export const FRAME_HEADER = 64;
/** Where the checkpoint slots stand in the control page, and how long they are. */
export const SLOT_PLACES = [512, 1024] as const;
export const SLOT_BYTES = 64;
/** Where the mutable words stand in an index. */
export const WORD_PLACES = { position: 1024, count: 1088, flushed: 1152, sealed: 1216 } as const;

export interface SecondRecord {
  readonly offset: number;
  readonly position: number;
  readonly payload: Buffer;
}

export interface SecondFrame {
  readonly segment: number;
  readonly position: number;
  readonly length: number;
  readonly base: number;
  readonly count: number;
  readonly timeNs: bigint;
  readonly flushed: number;
  readonly isGap: boolean;
  readonly isSalvaged: boolean;
  readonly previous: number;
  /** What the next frame names as its predecessor. */
  readonly chain: number;
  readonly records: readonly SecondRecord[];
}

export interface SecondHeader {
  readonly logId: string;
  readonly base: number;
  readonly previousBase: number;
  readonly size: number;
  readonly capacity: number;
}

export interface SecondCheckpoint {
  readonly slot: number;
  readonly sequence: number;
  readonly clean: boolean;
  readonly start: number;
  readonly durable: number;
  readonly segmentBase: number;
  readonly tail: number;
}

/** The files of a log by name. */
export type Files = ReadonlyMap<string, Buffer>;

export function segmentName(base: number): string {
  return `${String(base).padStart(20, '0')}.log`;
}

export function indexName(base: number): string {
  return `${String(base).padStart(20, '0')}.index`;
}

export function baseOf(name: string): number | undefined {
  return /^\d{20}\.log$/.test(name) ? Number(name.slice(0, 20)) : undefined;
}

/** Bases of the segments, ascending. */
export function basesOf(files: Files): number[] {
  const bases = [...files.keys()].map(baseOf).filter((base) => base !== undefined);
  return bases.sort((a, b) => a - b);
}

/** Log id of an identity block that holds; `undefined` otherwise. */
export function identityOf(file: Buffer, magic: string, block: number): string | undefined {
  if (file.length < block || file.toString('latin1', 0, 8) !== magic) return undefined;
  const crc = crc32c(
    file.subarray(16, block),
    crc32c(Buffer.alloc(4), crc32c(file.subarray(0, 12))),
  );
  if (file.readUInt32LE(12) !== crc || file.readUInt32LE(8) !== 1) return undefined;
  return file.toString('hex', 16, 32);
}

export function headerOf(file: Buffer): SecondHeader | undefined {
  const logId = identityOf(file, 'STRATLOG', PAGE);
  if (logId === undefined) return undefined;
  return {
    logId,
    base: Number(file.readBigUInt64LE(32)),
    previousBase: Number(file.readBigUInt64LE(40)),
    size: file.readUInt32LE(48),
    capacity: file.readUInt32LE(52),
  };
}

/** The newest of the slots that hold. */
export function checkpointOf(control: Buffer): SecondCheckpoint | undefined {
  const valid = SLOT_PLACES.map((at, slot) =>
    readSlot(control.subarray(at, at + SLOT_BYTES), slot),
  );
  return valid.filter((slot) => slot !== undefined).sort((a, b) => b.sequence - a.sequence)[0];
}

function readSlot(slot: Buffer, number: number): SecondCheckpoint | undefined {
  if (slot.length < SLOT_BYTES || slot.readUInt32LE(0) !== crc32c(slot.subarray(4)))
    return undefined;
  const checkpoint = {
    slot: number,
    sequence: Number(slot.readBigUInt64LE(8)),
    clean: (slot.readUInt32LE(4) & 1) !== 0,
    start: Number(slot.readBigUInt64LE(16)),
    durable: Number(slot.readBigUInt64LE(24)),
    segmentBase: Number(slot.readBigUInt64LE(32)),
    tail: slot.readUInt32LE(40),
  };
  const { sequence, start, durable, segmentBase } = checkpoint;
  const isOne = [sequence, start, durable, segmentBase].every(Number.isSafeInteger);
  return isOne ? checkpoint : undefined;
}

export function seedOf(logId: string, base: number): number {
  const bytes = Buffer.alloc(24);
  bytes.write(logId, 'hex');
  bytes.writeBigUInt64LE(BigInt(base), 16);
  return crc32c(bytes);
}

/** The frame at a position, if it is intact by itself: nothing is asked of what precedes it. */
export function frameAt(
  file: Buffer,
  segment: number,
  position: number,
  seed: number,
): SecondFrame | undefined {
  if (position + FRAME_HEADER > file.length) return undefined;
  const word = (at: number): number => file.readUInt32LE(position + at);
  const length = word(0);
  const isPlausible =
    length >= FRAME_HEADER + 8 &&
    length % 8 === 0 &&
    position + length <= file.length &&
    word(56) === length &&
    word(48) === length - FRAME_HEADER &&
    word(20) === position / 8 &&
    file.toString('latin1', position + 60, position + 64) === 'FRAM' &&
    (word(52) & ~0x700) === 0 &&
    word(16) > 0;
  if (!isPlausible || crc32c(file.subarray(position + 8, position + length), seed) !== word(4)) {
    return undefined;
  }
  const base = Number(file.readBigUInt64LE(position + 8));
  const isGap = (word(52) & (1 << 10)) !== 0;
  const frame = { segment, position, length, base, count: word(16) };
  const records = isGap ? [] : recordsIn(file, frame);
  if (records === undefined) return undefined;
  return {
    ...frame,
    timeNs: file.readBigUInt64LE(position + 24),
    flushed: Number(file.readBigUInt64LE(position + 40)),
    isGap,
    isSalvaged: (word(52) & (1 << 9)) !== 0,
    previous: word(36),
    chain: isGap ? word(64) : word(4),
    records,
  };
}

type FramePlace = Pick<SecondFrame, 'position' | 'length' | 'base' | 'count'>;

/** `undefined` unless they fill the frame, with nothing but zeros between them. */
function recordsIn(file: Buffer, frame: FramePlace): SecondRecord[] | undefined {
  const end = frame.position + frame.length;
  const records: SecondRecord[] = [];
  let at = frame.position + FRAME_HEADER;
  for (let i = 0; i < frame.count; i++) {
    if (at + 8 > end || file.readUInt32LE(at + 4) !== at - frame.position) return undefined;
    const word = file.readUInt32LE(at);
    const past = at + 8 + (word & 0x7fffffff);
    if (word >>> 31 === 0 || past > end) return undefined;
    records.push({ offset: frame.base + i, position: at, payload: file.subarray(at + 8, past) });
    at = (past + 7) & ~7;
    if (file.subarray(past, at).some((byte) => byte !== 0)) return undefined;
  }
  return at === end ? records : undefined;
}

/** The frames of a segment from its first one on, up to where there is none. */
export function framesIn(file: Buffer, segment: number, logId: string): SecondFrame[] {
  const seed = seedOf(logId, segment);
  const frames: SecondFrame[] = [];
  for (let at = PAGE; ; at += (frames.at(-1) as SecondFrame).length) {
    const frame = frameAt(file, segment, at, seed);
    if (frame === undefined) return frames;
    frames.push(frame);
  }
}

/**
 * What is wrong with a log that is said to be sound: every frame follows from the one before it, the
 * entries are those of the frames, the words say where they end. An empty list if nothing is.
 */
export function faultsOf(files: Files): string[] {
  const control = files.get('control') ?? Buffer.alloc(0);
  const logId = identityOf(control, 'STRATCTL', 512);
  const checkpoint = checkpointOf(control);
  if (logId === undefined || checkpoint === undefined) return ['the control page'];
  const faults: string[] = [];
  const bases = basesOf(files).filter((base) => base >= checkpoint.start);
  let chain: number | undefined;
  let next = checkpoint.start;
  for (const [i, base] of bases.entries()) {
    const file = files.get(segmentName(base)) as Buffer;
    const header = headerOf(file);
    if (header?.logId !== logId || header.base !== base || header.size !== file.length) {
      faults.push(`the header of ${base}`);
      continue;
    }
    const before = bases[i - 1];
    if (before !== undefined && header.previousBase !== before) faults.push(`the order at ${base}`);
    if (header.previousBase === base) chain = 0;
    if (base !== next) faults.push(`the base ${base} instead of ${next}`);
    const frames = framesIn(file, base, logId);
    for (const frame of frames) {
      if (frame.base !== next) faults.push(`offset ${frame.base} instead of ${next}`);
      if (chain !== undefined && frame.previous !== chain)
        faults.push(`the chain at ${frame.base}`);
      ({ chain } = frame);
      next = frame.base + frame.count;
    }
    const end = frames.reduce((_, { position, length }) => position + length, PAGE);
    if (i === bases.length - 1 && file.subarray(end).some((byte) => byte !== 0)) {
      faults.push(`bytes behind the end of ${base}`);
    }
    const index = files.get(indexName(base));
    const isSealed = i < bases.length - 1;
    if (index === undefined) faults.push(`no index of ${base}`);
    else faults.push(...indexFaults(index, header, frames, end, isSealed));
  }
  return faults;
}

function indexFaults(
  index: Buffer,
  { base, capacity, logId }: SecondHeader,
  frames: readonly SecondFrame[],
  end: number,
  isSealed: boolean,
): string[] {
  if (index.length < PAGE + capacity * 4) return [`the length of the index of ${base}`];
  if (identityOf(index, 'STRATIDX', 512) !== logId) return [`the identity of the index of ${base}`];
  const faults: string[] = [];
  const entries = frames.flatMap(({ isGap, count, position, records }) =>
    isGap
      ? Array.from({ length: count }, () => position / 8 + 2 ** 31)
      : records.map((record) => record.position / 8),
  );
  for (const [i, entry] of entries.entries()) {
    const found = index.readUInt32LE(PAGE + i * 4);
    if (found !== entry) faults.push(`entry ${i} of ${base}: ${found} instead of ${entry}`);
  }
  const words = {
    position: end / 8,
    count: entries.length,
    flushed: end / 8,
    sealed: isSealed ? 1 : 0,
  };
  for (const [name, at] of Object.entries(WORD_PLACES)) {
    const found = index.readUInt32LE(at);
    const expected = words[name as keyof typeof words];
    if (found !== expected) faults.push(`the word ${name} of ${base}: ${found}, not ${expected}`);
  }
  return faults;
}
