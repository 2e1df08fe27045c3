/** `verify`: every byte checked, nothing changed. */
import { Command } from 'commander';
import { verifyLog, type Damage, type VerifyReport } from '../index.js';
import { EXIT_CODES_HELP, EXIT_DAMAGE } from './exit-codes.js';
import { colours, formatBytes, formatOffsets, plural, print, printJson } from './output.js';
import { ProgressLine } from './progress.js';

const HELP = `
Checks every frame: header, checksum, records, order and chain. Changes nothing, and works while
somebody appends.

Examples:
  $ stratalog verify journal
  $ stratalog verify --json journal | jq .damage
  $ stratalog verify journal || stratalog repair journal
${EXIT_CODES_HELP}`;

export function verifyCommand(): Command {
  return new Command('verify')
    .summary('check every frame')
    .description('Reads a whole log and reports all damage.')
    .argument('<log>', 'directory of the log')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(verify);
}

function verify(path: string, options: { readonly json?: boolean }): void {
  const report = withProgress('verify', (onProgress) => verifyLog(path, { onProgress }));
  if (options.json === true) printJson(report);
  else print(describe(report));
  if (!report.isIntact) process.exitCode = EXIT_DAMAGE;
}

type OnProgress = (doneBytes: number, totalBytes: number) => void;

/** Draws a bar while `run` reads. */
export function withProgress<T>(label: string, run: (onProgress: OnProgress) => T): T {
  const progress = new ProgressLine();
  try {
    return run((done, total) =>
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
