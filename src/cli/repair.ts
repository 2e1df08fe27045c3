/** `repair`: a damaged log made usable again, with the originals kept. */
import { Command } from 'commander';
import { repairLog, type RepairReport } from '../index.js';
import { EXIT_CODES_HELP } from './exit-codes.js';
import { colours, formatOffsets, plural, print, printJson } from './output.js';
import { describeDamage, withProgress } from './verify.js';

const HELP = `
Keeps every intact record at its offset and records which offsets are lost. The originals of all that
is rewritten go to the folder 'aside' in the log; nothing is deleted. Without damage it does what the
next opening for appending would do. Needs the lock, so nobody may be appending.

Examples:
  $ stratalog repair journal
  $ stratalog repair --json journal | jq .lost
${EXIT_CODES_HELP}`;

export function repairCommand(): Command {
  return new Command('repair')
    .summary('make a damaged log usable again')
    .description('Repairs a damaged log, losing nothing that is intact.')
    .argument('<log>', 'directory of the log')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(repair);
}

async function repair(path: string, options: { readonly json?: boolean }): Promise<void> {
  const report = await withProgress('repair', (onProgress) => repairLog(path, { onProgress }));
  if (options.json === true) printJson(report);
  else print(describe(report));
}

function describe({ damage, lost, setAside, rewritten, recovery }: RepairReport): string {
  const { salvagedRecords, tornTail } = recovery;
  const kept = [...setAside, ...recovery.setAside];
  return [
    ...damage.map(describeDamage),
    ...rewritten.map((path) => `wrote anew ${path}`),
    ...recovery.rebuiltIndexes.map((path) => `rebuilt ${path}`),
    ...(salvagedRecords === 0 ? [] : [`salvaged ${plural(salvagedRecords, 'record')}`]),
    ...(tornTail === undefined
      ? []
      : [
          `cut a torn tail of ${plural(tornTail.lengthBytes, 'byte')}; kept as ${tornTail.copiedTo}`,
        ]),
    ...kept.map((path) => `kept the original as ${path}`),
    verdict(damage.length, lost),
  ].join('\n');
}

function verdict(damages: number, lost: RepairReport['lost']): string {
  if (damages === 0) return `${colours.green('nothing to repair')}: the log is intact`;
  const ranges = lost.map(formatOffsets).join(', ');
  return lost.length === 0
    ? `${colours.green('repaired')}: no record was lost`
    : `${colours.yellow('repaired')}: ${ranges} could not be saved, and will never be given to other records`;
}
