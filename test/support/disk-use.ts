/** What a log takes on the disk. */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const BLOCK_BYTES = 512;

/** Of all files below a directory, by their sizes or by their blocks, whichever is more. */
export function bytesOnDisk(directory: string): number {
  let sizes = 0;
  let blocks = 0;
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    // The appender may rename or delete it meanwhile.
    const found = lstatSync(join(directory, name), { throwIfNoEntry: false });
    if (found?.isFile() !== true) continue;
    sizes += found.size;
    blocks += found.blocks * BLOCK_BYTES;
  }
  return Math.max(sizes, blocks);
}
