/** `verify`: every byte checked, nothing changed. */
import { Command } from 'commander';
import { verifyLogInParallel, type Damage, type VerifyReport } from '../index.js';
import { parseWorkers } from './arguments.js';
import { EXIT_CODES_HELP, EXIT_DAMAGE } from './exit-codes.js';
import { colours, formatBytes, formatOffsets, plural, print, printJson } from './output.js';
import { ProgressLine } from './progress.js';

const HELP = `
Checks every frame: header, checksum, records, order and chain. Changes nothing, and works while
somebody appends. Several threads read, each another segment, unless the log is small.

Examples:
  $ stratalog verify journal
  $ stratalog verify --workers 2 journal
  $ stratalog verify --json journal | jq .damage
  $ stratalog verify journal || stratalog repair journal
${EXIT_CODES_HELP}`;

export function verifyCommand(): Command {
  return new Command('verify')
    .summary('check every frame')
    .description('Reads a whole log and reports all damage.')
    .argument('<log>', 'directory of the log')
    .option(
      '--workers <n>',
      'at most this many threads (default: as many as the machine runs)',
      parseWorkers,
    )
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(verify);
}

interface Options {
  readonly workers?: number;
  readonly json?: boolean;
}

async function verify(path: string, { workers, json }: Options): Promise<void> {
  const report = await withProgress('verify', (onProgress) =>
    verifyLogInParallel(path, { workers, onProgress }),
  );
  if (json === true) printJson(report);
  else print(describe(report));
  if (!report.isIntact) process.exitCode = EXIT_DAMAGE;
}

type OnProgress = (doneBytes: number, totalBytes: number) => void;

/** Draws a bar while `run` reads. */
export async function withProgress<T>(
  label: string,
  run: (onProgress: OnProgress) => T | Promise<T>,
): Promise<T> {
  const progress = new ProgressLine();
  try {
    return await run((done, total) =>
      progress.update(() => progress.bar(label, total === 0 ? 1 : Math.min(1, done / total))),
    );
  } finally {
    progress.end();
  }
}

function describe(report: VerifyReport): string {
  const { isIntact, damage, lostBefore, startOffset, endOffset } = report;
  const verdict = isIntact ? colours.green('intact') : colours.red('damaged');
  const counts = [
    plural(report.records, 'record'),
    plural(report.frames, 'frame'),
    plural(report.segments, 'segment'),
  ].join(', ');
  const extent =
    endOffset === startOffset ? 'empty' : formatOffsets({ from: startOffset, to: endOffset });
  return [
    ...damage.map(describeDamage),
    ...lostBefore.map((range) => `${formatOffsets(range)} lost to damage before a repair`),
    `${verdict}: ${counts}, ${formatBytes(report.frameBytes)}; ${extent}`,
    ...(report.isClosed
      ? []
      : ['not closed: open for appending, or to be recovered at next opening']),
  ].join('\n');
}

/** Exact values: this is what somebody will look for in the file. */
export function describeDamage({ path, position, lengthBytes, reason, lost }: Damage): string {
  const cost = lost === undefined ? 'no offsets lost' : `${formatOffsets(lost)} lost`;
  return `${colours.red('damage')} in ${path} at position ${position}, ${plural(lengthBytes, 'byte')}: ${reason}; ${cost}`;
}
