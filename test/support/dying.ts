/** Logs left behind by processes that died. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { AppenderOptions } from '../../src/index.js';

export type Step = readonly [verb: string, ...rest: number[]];

export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
}

/** Has a process open the log, do this, and die without closing it (`fixtures/die-with-log.mjs`). */
export function dieWith(log: string, options: AppenderOptions, ...steps: Step[]): void {
  const work = JSON.stringify({ options, steps });
  const { signal, stderr } = spawnSync(process.execPath, [fixture('die-with-log.mjs'), log, work], {
    encoding: 'utf8',
  });
  if (signal !== 'SIGKILL') throw new Error(`The process should have died by SIGKILL: ${stderr}`);
}

/** Whether strace is there and may trace, which containers often forbid. */
export function isStraceUsable(): boolean {
  return spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0;
}
