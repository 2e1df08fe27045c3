/** File systems that fill up. Needs root, to mount a small tmpfs. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';

const mounted: string[] = [];

afterEach(() => {
  for (const directory of mounted.splice(0)) unmount(directory);
});

/** A directory of so many KiB, gone after the test; `undefined` where that is not permitted. */
export function mountTmpfs(sizeKiB: number): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'stratalog-full-'));
  const options = ['-t', 'tmpfs', '-o', `size=${sizeKiB}k`, 'tmpfs', directory];
  if (spawnSync('mount', options).status === 0) {
    mounted.push(directory);
    return directory;
  }
  rmSync(directory, { recursive: true, force: true });
  return undefined;
}

export function canMountTmpfs(): boolean {
  const directory = mountTmpfs(64);
  if (directory === undefined) return false;
  unmount(directory);
  mounted.length = 0;
  return true;
}

/** Takes all that is left but so many KiB; returns the path of what takes it. */
export function fill(directory: string, leaveKiB: number): string {
  const { bavail, bsize } = statfsSync(directory);
  const path = join(directory, `ballast-${Math.random()}`);
  writeFileSync(path, Buffer.alloc(Math.max(0, bavail * bsize - leaveKiB * 1024), 1));
  return path;
}

function unmount(directory: string): void {
  spawnSync('umount', ['-l', directory]);
  rmSync(directory, { recursive: true, force: true });
}
