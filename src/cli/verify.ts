/** `verify`: every byte checked, nothing changed. */
import { Command } from 'commander';
import {
  verifyEventLog,
  verifyLogInParallel,
  type Damage,
  type EventsReport,
  type MalformedRecord,
  type VerifyReport,
} from '../index.js';
import { parseWorkers } from './arguments.js';
import { EXIT_CODES_HELP, EXIT_DAMAGE, InputError } from './exit-codes.js';
import {
  colours,
  formatBytes,
  formatCount,
  formatOffsets,
  plural,
  print,
  printJson,
} from './output.js';
import { ProgressLine } from './progress.js';

const HELP = `
Checks every frame: header, checksum, records, order and chain. Changes nothing, and works while
somebody appends. Several threads read, each another segment, unless the log is small.

Of a log that remembers a schema, the schema files are checked as well, and with --events every record: that
it is an event of that schema, to the last byte. That takes longer, and one thread. A schema file that is
damaged can be put back: its name says which CRC-32C its content has.

Examples:
  $ stratalog verify journal
  $ stratalog verify --workers 2 journal
  $ stratalog verify --json journal | jq .damage
  $ stratalog verify --events imu
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
    .option('--events', 'check every record against the schema, too')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(verify);
}

interface Options {
  readonly workers?: number;
  readonly events?: boolean;
  readonly json?: boolean;
}

async function verify(path: string, options: Options): Promise<void> {
  const { workers, json, events = false } = options;
  const report = await withProgress('verify', (onProgress) =>
    verifyLogInParallel(path, { workers, onProgress }),
  );
  const typed = await withProgress('events', (onProgress) =>
    verifyEventLog(path, { events, onProgress }),
  );
  if (events && typed.root === undefined) {
    throw new InputError(`Cannot verify events of ${path}: the log has no schema`);
  }
  if (json === true) printJson(typed.root === undefined ? report : { ...report, schema: typed });
  else print([...describeEvents(typed, events), describe(report)].join('\n'));
  if (!report.isIntact || !typed.isIntact) process.exitCode = EXIT_DAMAGE;
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

function describeEvents(report: EventsReport, isEach: boolean): string[] {
  const { root, schemaFaults, malformed, malformedEvents, versions } = report;
  if (root === undefined) return [];
  const bad = colours.red('damage');
  const left = malformed - malformedEvents.length;
  const checked = `${plural(report.events, 'event')}, ${formatCount(malformed)} malformed`;
  return [
    ...schemaFaults.map(({ path, reason }) => `${bad} in ${path}: ${reason}`),
    ...malformedEvents.map((event) => describeMalformed(event, root)),
    ...(left > 0 ? [`and ${plural(left, 'more record')} that are no ${root}`] : []),
    `${root} in ${plural(versions, 'schema version')}${isEach ? `: ${checked}` : ''}`,
  ];
}

function describeMalformed(event: MalformedRecord, root: string): string {
  const { offset, position, field, reason } = event;
  const where = field === '' ? '' : ` in ${field}`;
  return `${colours.red('damage')} at offset ${offset}, no ${root}: ${reason}${where} at byte ${position}`;
}

/** Exact values: this is what somebody will look for in the file. */
export function describeDamage({ path, position, lengthBytes, reason, lost }: Damage): string {
  const cost = lost === undefined ? 'no offsets lost' : `${formatOffsets(lost)} lost`;
  return `${colours.red('damage')} in ${path} at position ${position}, ${plural(lengthBytes, 'byte')}: ${reason}; ${cost}`;
}
