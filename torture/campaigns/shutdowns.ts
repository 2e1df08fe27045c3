/**
 * Power cuts of real file systems. A log on a disk of its own lives through one cut after the other: each
 * time a writer opens it, checks it against what the writers before have said, and appends, until the
 * file system is told to go down and to write nothing more; sometimes already while it recovers.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AppenderOptions } from 'stratalog';
import type { Campaign, Round, Rounds } from '../campaign.js';
import {
  MountPoint,
  SHUTDOWN,
  hasLoopDevices,
  makeImage,
  whyNoMounts,
  type DiskKind,
  type Shutdown,
} from '../disks/mounts.js';
import { WRONG, Witness, type Life } from '../disks/witness.js';
import { compiled } from '../places.js';
import { below, pick } from '../random.js';

/** XFS makes none that are smaller. */
const XFS_MIB = 300;
const EXT4_MIB = 64;

const KINDS: readonly DiskKind[] = [
  { fileSystem: 'ext4', sizeMiB: EXT4_MIB, options: 'data=ordered' },
  { fileSystem: 'xfs', sizeMiB: XFS_MIB, options: 'defaults' },
  { fileSystem: 'ext4', sizeMiB: EXT4_MIB, options: 'data=writeback' },
  { fileSystem: 'ext4', sizeMiB: EXT4_MIB, options: 'nodelalloc' },
  { fileSystem: 'xfs', sizeMiB: XFS_MIB, options: 'noatime' },
  { fileSystem: 'ext4', sizeMiB: EXT4_MIB, options: 'data=journal' },
];
const CUTS = 5;

export const campaign: Campaign = {
  name: 'shutdowns',
  title: 'power cuts of ext4 and XFS, under load and during recovery',
  shortRounds: 4,
  place: 'disk',
  unavailable: whyUnavailable,
  start: (folder) => new Shutdowns(folder),
};

function whyUnavailable(): string | undefined {
  const reason = whyNoMounts('mkfs.ext4', 'mkfs.xfs', 'losetup');
  return reason ?? (hasLoopDevices() ? undefined : 'needs loop devices');
}

class Shutdowns implements Rounds {
  readonly #folder: string;
  readonly #mountPoint: MountPoint;

  constructor(folder: string) {
    this.#folder = folder;
    this.#mountPoint = MountPoint.make(join(folder, 'disk'));
  }

  async run(round: Round): Promise<void> {
    const kind = KINDS[round.number % KINDS.length] as DiskKind;
    const image = join(this.#folder, 'image');
    makeImage(image, kind);
    try {
      const log = new LogOnDisk(round, kind, image, this.#mountPoint);
      this.#mountPoint.mountImage(image, kind.options);
      for (let cut = 0; cut < CUTS; cut++) await log.live();
      await log.check();
      await this.#mountPoint.unmount();
    } finally {
      this.#mountPoint.clear();
      rmSync(image);
    }
  }

  stop(): void {
    this.#mountPoint.clear();
  }
}

/** A log, its disk, and what is known of it. */
class LogOnDisk {
  readonly #round: Round;
  readonly #kind: DiskKind;
  readonly #image: string;
  readonly #mountPoint: MountPoint;
  readonly #witnessPath: string;
  readonly #begins: number[] = [];
  /** What has happened, for whoever has to understand it. */
  readonly #story: string[] = [];

  constructor(round: Round, kind: DiskKind, image: string, mountPoint: MountPoint) {
    this.#round = round;
    this.#kind = kind;
    this.#image = image;
    this.#mountPoint = mountPoint;
    this.#witnessPath = join(round.folder, 'witness');
    Witness.create(this.#witnessPath).close();
  }

  async live(): Promise<void> {
    const { random, count } = this.#round;
    const options = chooseOptions(random);
    const shutdown = pick(random, Object.keys(SHUTDOWN) as Shutdown[]);
    const isEarly = random() < 0.25;
    const delayMs = isEarly ? 60 + random() * 250 : 5 + random() * 200;
    this.#story.push(JSON.stringify({ options, shutdown, isEarly, delayMs }));
    const writer = this.#start(options, false);
    if (!isEarly) await writer.ready;
    await Promise.race([sleep(delayMs), writer.exited]);
    const said = new Witness(this.#witnessPath);
    const endedBefore = writer.child.exitCode ?? writer.child.signalCode;
    if (endedBefore === null) this.#mountPoint.cutPower(shutdown);
    writer.child.kill('SIGKILL');
    await writer.exited;
    if (endedBefore !== null || writer.child.exitCode === WRONG) throw this.#failure(writer);
    this.#remember(said, isEarly);
    await this.#mountPoint.unmount();
    this.#mountPoint.mountImage(this.#image, this.#kind.options);
    count('cuts');
    count(`${this.#kind.fileSystem} cuts`);
  }

  /** After the last cut. */
  async check(): Promise<void> {
    const writer = this.#start(chooseOptions(this.#round.random), true);
    await writer.exited;
    if (writer.child.exitCode !== 0) throw this.#failure(writer);
    const said = new Witness(this.#witnessPath);
    for (const what of ['end', 'rolls', 'salvaged', 'tornTails'] as const) {
      this.#round.count(what === 'end' ? 'records' : what, said.get(what));
    }
    said.close();
  }

  /**
   * What counts as flushed and dropped is what had been said before the cut: a sync may succeed that is
   * cut short. What counts as appended is everything.
   */
  #remember(before: Witness, isEarly: boolean): void {
    const [flushed, start] = [before.get('flushed'), before.get('start')];
    const isReady = before.get('isReady') === 1;
    before.read();
    // Between the look and the cut it may have begun.
    if (before.get('isReady') === 1) this.#begins.push(before.get('begin'));
    if (isEarly && !isReady) this.#round.count('cuts of recovery');
    before.set('isReady', 0);
    before.set('flushed', flushed);
    before.set('start', start);
    before.say();
    before.close();
  }

  #start(options: AppenderOptions, isLast: boolean): RunningWriter {
    const life: Life = {
      log: join(this.#mountPoint.path, 'log'),
      witness: this.#witnessPath,
      seed: below(this.#round.random, 2 ** 32),
      options,
      begins: this.#begins,
      isLast,
    };
    return new RunningWriter(life);
  }

  #failure({ child, complaint }: RunningWriter): Error {
    return new Error(
      `On ${this.#kind.fileSystem} (${this.#kind.options}), after ${this.#begins.length} lives, the writer ` +
        `ended with ${child.signalCode ?? `code ${child.exitCode}`}: ${complaint()}\n${this.#story.join('\n')}`,
    );
  }
}

class RunningWriter {
  readonly child: ChildProcess;
  readonly exited: Promise<unknown>;
  readonly ready: Promise<unknown>;
  #complaint = '';

  constructor(life: Life) {
    // Not of our group: a terminal's interruption is not for it.
    this.child = fork(compiled('disks/life.js'), [JSON.stringify(life)], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      detached: true,
    });
    this.child.stderr?.on('data', (chunk: Buffer) => (this.#complaint += chunk.toString()));
    this.exited = once(this.child, 'close');
    this.ready = Promise.race([once(this.child, 'message'), this.exited]);
  }

  readonly complaint = (): string => this.#complaint;
}

function chooseOptions(random: () => number): AppenderOptions {
  return {
    segmentSizeBytes: pick(random, [64, 128, 256, 512]) * 1024,
    maintenance: random() < 0.5,
    commit: pick(random, ['each', 'manual', { bytes: 4000, delayMs: 2 }, { bytes: 65_536 }]),
    flush: pick(random, ['none', 'none', { everyMs: 3 }, { everyMs: 20 }, 'each']),
  };
}
