/** How far a campaign has come, in a file, so that it can go on from there. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Counts } from './campaign.js';
import { PROGRESS } from './places.js';

export interface Failure {
  readonly round: number;
  readonly error: string;
  /** What is left of it. */
  readonly evidence: string | undefined;
}

export interface Progress {
  readonly campaign: string;
  readonly seed: number;
  /** All rounds below have been run. */
  nextRound: number;
  seconds: number;
  counts: Counts;
  readonly failures: Failure[];
}

export function newProgress(campaign: string, seed: number, nextRound = 0): Progress {
  return { campaign, seed, nextRound, seconds: 0, counts: {}, failures: [] };
}

function pathOf(campaign: string): string {
  return join(PROGRESS, `${campaign}.json`);
}

export function loadProgress(campaign: string): Progress | undefined {
  try {
    return JSON.parse(readFileSync(pathOf(campaign), 'utf8')) as Progress;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

export function saveProgress(progress: Progress): void {
  mkdirSync(PROGRESS, { recursive: true });
  const path = pathOf(progress.campaign);
  writeFileSync(`${path}.new`, `${JSON.stringify(progress, null, 2)}\n`);
  renameSync(`${path}.new`, path);
}

export function addCounts(a: Counts, b: Counts): Counts {
  const sum: Record<string, number> = { ...a };
  for (const [what, times] of Object.entries(b)) sum[what] = (sum[what] ?? 0) + times;
  return sum;
}
