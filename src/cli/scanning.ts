/** What verbs have in common that look at all records of a range, in several threads. */
import type { Command } from 'commander';
import { openReader, type Reader, type ScanResult, type ScanSettings } from '../index.js';
import { parseWorkers } from './arguments.js';
import { EXIT_DAMAGE } from './exit-codes.js';
import { Interruption } from './interruption.js';
import { note } from './output.js';
import { ProgressLine } from './progress.js';
import { addRangeOptions, damageAtEnd, resolveRange, type RangeOptions } from './range.js';

export interface ScanningOptions extends RangeOptions {
  readonly flushed?: boolean;
  readonly workers?: number;
  readonly skipDamage?: boolean;
}

export function addScanningOptions(command: Command): Command {
  return addRangeOptions(command)
    .option('--flushed', 'only records that a power cut cannot take back')
    .option('--workers <n>', 'threads (default: as many as the machine runs)', parseWorkers)
    .option('--skip-damage', 'step over damage, and tell of it');
}

/**
 * Runs over the range that the options name, with a bar on a terminal, and tells of damage that was
 * stepped over. `undefined`: a signal has stopped it, and the exit code says so.
 */
export async function scanning<R>(
  label: string,
  path: string,
  options: ScanningOptions,
  run: (reader: Reader, settings: ScanSettings) => Promise<R>,
): Promise<R | undefined> {
  const bound = options.flushed === true ? 'flushed' : 'committed';
  const reader = openReader(path, { bound });
  try {
    return await interruptible(label, (settings) => run(reader, settings), {
      ...rangeOf(reader, options),
      bound,
      workers: options.workers,
      onDamage: options.skipDamage === true ? 'skip' : 'error',
    });
  } finally {
    reader.close();
  }
}

/** Tells of damage that was stepped over, behind the result. */
export function tellDamage({ damage }: Pick<ScanResult<unknown>, 'damage'>): void {
  for (const { message } of damage) note(message);
  if (damage.length > 0) process.exitCode = EXIT_DAMAGE;
}

/** Not told where to end, the scan finds the end itself, and tells of damage there. */
function rangeOf(reader: Reader, options: RangeOptions): ScanSettings {
  const { from, to } = resolveRange(reader, options);
  if (damageAtEnd(reader, options, to) !== undefined) return { from };
  return { from, to: Math.max(from, to) };
}

async function interruptible<R>(
  label: string,
  run: (settings: ScanSettings) => Promise<R>,
  settings: ScanSettings,
): Promise<R | undefined> {
  const controller = new AbortController();
  const interruption = new Interruption(() => controller.abort());
  const progress = new ProgressLine();
  const onProgress: ScanSettings['onProgress'] = ({ bytes, totalBytes }) =>
    progress.update(() => progress.bar(label, Math.min(1, bytes / Math.max(1, totalBytes))));
  try {
    return await run({ ...settings, onProgress, signal: controller.signal });
  } catch (error) {
    if (interruption.signal === undefined) throw error;
    interruption.setExitCode();
    return undefined;
  } finally {
    progress.end();
    interruption.release();
  }
}
