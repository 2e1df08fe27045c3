/**
 * File systems of our own: on a loop device, in a file, or in memory. They go when this process ends,
 * however it does.
 */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, truncateSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import koffi from 'koffi';

/** `FS_IOC_SHUTDOWN` of Linux; ext4 and XFS have the same. */
const FS_IOC_SHUTDOWN = 0x8004_587d;
const ioctl = koffi.load(null).func('int ioctl(int fd, ulong request, uint32_t *flags)');

/** What is still written when a file system is shut down. */
export const SHUTDOWN = { everything: 0, journal: 1, nothing: 2 } as const;
export type Shutdown = keyof typeof SHUTDOWN;

export interface DiskKind {
  readonly fileSystem: 'ext4' | 'xfs';
  readonly sizeMiB: number;
  /** Options of `mount`. */
  readonly options: string;
}

/** Why no file systems can be made here. */
export function whyNoMounts(...programs: readonly string[]): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs Linux and root';
  const missing = programs.find((name) => spawnSync('which', [name]).status !== 0);
  if (missing !== undefined) return `needs ${missing}`;
  return canMount() ? undefined : 'may not mount file systems';
}

/** In a name space of its own, which leaves nothing behind. */
function canMount(): boolean {
  return spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;
}

export function hasLoopDevices(): boolean {
  return existsSync('/dev/loop-control') && spawnSync('losetup', ['-f']).status === 0;
}

/** A place for file systems. One mounted there is gone when this process is, even if it is killed. */
export class MountPoint {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
    // Waits for our end. It has our stderr, so whoever waits for that to close waits for it, too.
    const clean = 'cat > /dev/null; while umount -l "$0" 2> /dev/null; do :; done';
    const janitor = spawn('sh', ['-c', clean, path], {
      detached: true,
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    janitor.unref();
    (janitor.stdin as unknown as { unref(): void }).unref();
  }

  static make(path: string): MountPoint {
    mkdirSync(path);
    // A terminal interrupts all of its processes; the one that started this ends it in good order.
    process.on('SIGINT', ignore);
    return new MountPoint(path);
  }

  mountMemory(sizeKiB: number): void {
    run('mount', '-t', 'tmpfs', '-o', `size=${sizeKiB}k`, 'tmpfs', this.path);
  }

  mountImage(image: string, options: string): void {
    run('mount', '-o', `loop,${options}`, image, this.path);
  }

  /** Mappings and descriptors of a process that has ended may take a moment to go. */
  async unmount(): Promise<void> {
    for (let tries = 0; tries < 100; tries++) {
      if (spawnSync('umount', [this.path]).status === 0) return;
      await sleep(20);
    }
    run('umount', this.path);
  }

  /** Whatever is mounted there, however it is used. */
  clear(): void {
    while (spawnSync('umount', ['-l', this.path]).status === 0);
  }

  /** The file system goes down at once. */
  cutPower(shutdown: Shutdown): void {
    const fd = openSync(this.path, 'r');
    try {
      const result = ioctl(fd, FS_IOC_SHUTDOWN, [SHUTDOWN[shutdown]]) as number;
      if (result !== 0) throw new Error(`FS_IOC_SHUTDOWN failed with errno ${koffi.errno()}`);
    } finally {
      closeSync(fd);
    }
  }
}

function ignore(): void {}

/** A new file system in a sparse file. */
export function makeImage(image: string, { fileSystem, sizeMiB }: DiskKind): void {
  closeSync(openSync(image, 'w'));
  truncateSync(image, sizeMiB * 2 ** 20);
  if (fileSystem === 'ext4') run('mkfs.ext4', '-q', '-F', image);
  else run('mkfs.xfs', '-q', '-f', image);
}

function run(command: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return;
  throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? stderr}`);
}
