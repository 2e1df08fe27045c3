/**
 * The logs that are damaged: three segments of 16 KiB with frames of one and of several records, batches,
 * empty records, a salvaged frame, a gap that a repair has left; one closed, one whose process died. They
 * are the same bytes in every run, but for the session (boot, device, inode) in the control page.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compiled } from '../places.js';
import { payloadOf } from './payloads.js';
import {
  basesOf,
  checkpointOf,
  framesIn,
  identityOf,
  segmentName,
  type Files,
  type SecondCheckpoint,
  type SecondFrame,
} from './second-reader.js';

export type Ending = 'closed' | 'died';

/** A log as it was before the damage, and what is known of it. */
export interface Image {
  readonly name: string;
  readonly files: Files;
  readonly logId: string;
  readonly checkpoint: SecondCheckpoint;
  readonly bases: readonly number[];
  /** In order; those of the walk in `files`. */
  readonly frames: readonly SecondFrame[];
  /** By offset; none for the offsets of a gap. */
  readonly records: ReadonlyMap<number, TrueRecord>;
  /** Exclusive. */
  readonly end: number;
}

export interface TrueRecord {
  readonly payload: Buffer;
  readonly timeNs: bigint;
  readonly frame: SecondFrame;
}

/** A log, another one of the same shape, and another history of the first one. */
export interface Family {
  readonly own: Image;
  readonly other: Image;
  readonly elsewhere: Image;
}

export function makeFamily(folder: string, ending: Ending): Family {
  const own = beginLog(join(folder, 'own'), 'a');
  const other = beginLog(join(folder, 'other'), 'o');
  const elsewhere = join(folder, 'elsewhere');
  cpSync(own, elsewhere, { recursive: true });
  return {
    own: finish(own, ending, 'a'),
    other: finish(other, ending, 'o'),
    elsewhere: finish(elsewhere, ending, 'e'),
  };
}

export function makeImage(folder: string, ending: Ending): Image {
  return finish(beginLog(join(folder, ending), 'a'), ending, 'a');
}

/** Up to the repair that leaves a gap. */
function beginLog(log: string, flavour: string): string {
  write(log, 1, 'begin', flavour);
  write(log, 2, 'continue', flavour);
  const path = join(log, segmentName(0));
  const bytes = readFileSync(path);
  const logId = bytes.toString('hex', 16, 32);
  const { position } = framesIn(bytes, 0, logId)[1] as SecondFrame;
  bytes[position + 80] = (bytes[position + 80] as number) ^ 16;
  writeFileSync(path, bytes);
  write(log, 3, 'repair', flavour);
  rmSync(join(log, 'aside'), { recursive: true });
  return log;
}

function finish(log: string, ending: Ending, flavour: string): Image {
  write(log, flavour === 'e' ? 5 : 4, ending === 'closed' ? 'close' : 'die', flavour);
  const image = imageOf(readFiles(log), `${ending} ${flavour}`);
  rmSync(log, { recursive: true });
  checkImage(image, ending);
  return image;
}

function write(log: string, generation: number, part: string, flavour: string): void {
  const program = compiled('bytes/image-writer.js');
  const { status, signal, stderr } = spawnSync(
    process.execPath,
    [program, log, String(generation), part, flavour],
    { encoding: 'utf8' },
  );
  const dies = part === 'begin' || part === 'die';
  if (dies ? signal !== 'SIGKILL' : status !== 0) {
    throw new Error(`The part ${part} of a log's making failed: ${stderr}`);
  }
}

export function readFiles(log: string): Map<string, Buffer> {
  const names = readdirSync(log).filter((name) => statSync(join(log, name)).isFile());
  return new Map(names.sort().map((name) => [name, readFileSync(join(log, name))]));
}

export function imageOf(files: Files, name: string): Image {
  const control = files.get('control') as Buffer;
  const logId = identityOf(control, 'STRATCTL', 512);
  const checkpoint = checkpointOf(control);
  if (logId === undefined || checkpoint === undefined) throw new Error(`${name}: no control page`);
  const bases = basesOf(files);
  const frames = bases.flatMap((base) => {
    return framesIn(files.get(segmentName(base)) as Buffer, base, logId);
  });
  const records = new Map(
    frames.flatMap((frame) =>
      frame.records.map(({ offset, payload }) => {
        return [offset, { payload, timeNs: frame.timeNs, frame }] as const;
      }),
    ),
  );
  const last = frames.at(-1) as SecondFrame;
  return { name, files, logId, checkpoint, bases, frames, records, end: last.base + last.count };
}

/** That it is what the campaigns need. */
function checkImage({ name, frames, bases, records, checkpoint }: Image, ending: Ending): void {
  const expect = (isSo: boolean, what: string): void => {
    if (!isSo) throw new Error(`The image ${name} should have ${what}`);
  };
  expect(bases.length === 3, 'three segments');
  expect(
    frames.some(({ isGap }) => isGap),
    'a gap',
  );
  expect(
    frames.some(({ isSalvaged }) => isSalvaged),
    'a salvaged frame',
  );
  expect(checkpoint.clean === (ending === 'closed'), 'the checkpoint of its ending');
  const offsets = frames.flatMap(({ base, count }) => [base, base + count]);
  expect(
    offsets.every((at, i) => i % 2 === 0 || at === (offsets[i + 1] ?? at)),
    'no hole',
  );
  if (ending === 'died') expect(checkpoint.segmentBase < (bases.at(-1) as number), 'a long walk');
  for (const [offset, { payload }] of records) {
    const isOwn = ['a', 'o', 'e'].some((flavour) => payloadOf(offset, flavour).equals(payload));
    expect(isOwn, `its own record at ${offset}`);
  }
}
