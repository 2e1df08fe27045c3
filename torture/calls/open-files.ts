/** What this process has open of a log: descriptors and mappings, as the kernel lists them. */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** `fd 23 <path>` and `mapping <address> <path>`, of files below `folder`, deleted ones included. */
export function openBelow(folder: string): string[] {
  return [...descriptors(), ...mappings()].filter((line) => line.includes(`${folder}/`));
}

function descriptors(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [`fd ${fd} ${readlinkSync(`/proc/self/fd/${fd}`)}`];
    } catch {
      // The one that has listed them.
      return [];
    }
  });
}

function mappings(): string[] {
  const lines = readFileSync('/proc/self/maps', 'latin1').split('\n');
  return lines
    .filter((line) => line.includes('/'))
    .map((line) => `mapping ${line.slice(0, line.indexOf(' '))} ${line.slice(line.indexOf('/'))}`);
}

/**
 * Waits until nothing is open any more; returns what is after a while. `collects`: mappings may be held by
 * views until these are collected.
 */
export async function leftOpenBelow(folder: string, collects: boolean): Promise<string[]> {
  for (let waitedMs = 0; ; waitedMs += WAIT_MS) {
    const left = openBelow(folder);
    if (left.length === 0 || waitedMs >= PATIENCE_MS) return left;
    if (collects) collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
  }
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const WAIT_MS = 5;
/** Threads that have been told to end do so within a slice of their sleep. */
const PATIENCE_MS = 400;
