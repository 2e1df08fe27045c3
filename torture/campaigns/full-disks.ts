/**
 * Disks that are full: a log in a small tmpfs, ext4 or XFS that fills up and gets free again at random,
 * while the log is opened, appended to, rolled, flushed, dropped from, read, left by a dying process,
 * recovered and repaired.
 */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Campaign, Round, Rounds } from '../campaign.js';
import { LogOnFullDisk } from '../disks/log-on-full-disk.js';
import { collectGarbage } from '../endurance/measures.js';
import {
  MountPoint,
  hasLoopDevices,
  makeImage,
  whyNoMounts,
  type DiskKind,
} from '../disks/mounts.js';

const MEMORY_KIB = 2048;
const EXT4: DiskKind = { fileSystem: 'ext4', sizeMiB: 12, options: 'defaults' };
const XFS: DiskKind = { fileSystem: 'xfs', sizeMiB: 300, options: 'defaults' };
/** One in so many rounds is on such a disk, where there are loop devices; the others are in memory. */
const EXT4_EVERY = 3;
const XFS_EVERY = 16;
const STEPS = 60;

export const campaign: Campaign = {
  name: 'full-disks',
  title: 'disks that fill up and get free again',
  shortRounds: 20,
  place: 'disk',
  unavailable: () => whyNoMounts('fallocate'),
  start: (folder) => new FullDisks(folder),
};

class FullDisks implements Rounds {
  readonly #image: string;
  readonly #mountPoint: MountPoint;
  readonly #hasImages = whyNoMounts('mkfs.ext4', 'mkfs.xfs', 'losetup') === undefined;

  constructor(folder: string) {
    this.#image = join(folder, 'image');
    this.#mountPoint = MountPoint.make(join(folder, 'disk'));
  }

  async run(round: Round): Promise<void> {
    this.#mount(round);
    try {
      const log = new LogOnFullDisk(round, this.#mountPoint.path);
      try {
        for (let step = 0; step < STEPS; step++) await log.step();
        await log.finish();
      } finally {
        await log.letGo();
      }
    } finally {
      // Views that were handed out keep files mapped until they are collected.
      await collectGarbage();
      this.#mountPoint.clear();
      if (existsSync(this.#image)) rmSync(this.#image);
    }
  }

  stop(): void {
    this.#mountPoint.clear();
  }

  #mount({ number, count }: Round): void {
    const kind = this.#kindOf(number);
    count(`disks of ${kind?.fileSystem ?? 'memory'}`);
    if (kind === undefined) return this.#mountPoint.mountMemory(MEMORY_KIB);
    makeImage(this.#image, kind);
    return this.#mountPoint.mountImage(this.#image, kind.options);
  }

  /** `undefined`: memory. */
  #kindOf(round: number): DiskKind | undefined {
    if (!this.#hasImages || !hasLoopDevices()) return undefined;
    if (round % XFS_EVERY === 2) return XFS;
    return round % EXT4_EVERY === 1 ? EXT4 : undefined;
  }
}
