/** Options of the verbs that write a log. */
import { Option, type Command } from 'commander';
import type { AppenderOptions, CommitPolicy, FlushSchedule, RecoveryReport } from '../index.js';
import { parseMilliseconds, parseSize } from './arguments.js';
import { note, plural } from './output.js';

export interface WritingOptions {
  readonly segmentSize?: number;
  readonly commit: 'each' | 'manual' | number;
  readonly commitDelay: number;
  readonly flush: FlushSchedule;
  readonly create: boolean;
}

/** `ofSegments`: what is used where no size is given. */
export function addWritingOptions(command: Command, ofSegments = '64M'): Command {
  return command
    .option('--segment-size <size>', `size of new segments, such as 1G (${ofSegments})`, parseSize)
    .addOption(
      new Option('--commit <policy>', "when readers see records: 'each', 'manual' or every SIZE")
        .argParser(parseCommit)
        .default(65536, '64K'),
    )
    .option('--commit-delay <ms>', 'with a size: at the latest after this', parseMilliseconds, 10)
    .addOption(
      new Option('--flush <schedule>', "when records become durable: 'each', 'none' or every MS")
        .argParser(parseFlush)
        .default({ everyMs: 1000 }, '1000'),
    )
    .option('--no-create', 'fail if the log does not exist');
}

export function appenderOptions(options: WritingOptions): AppenderOptions {
  const { segmentSize, create, flush } = options;
  return {
    create,
    commit: commitPolicy(options),
    flush,
    ...(segmentSize === undefined ? {} : { segmentSizeBytes: segmentSize }),
  };
}

export function noteRecovery({ outcome, salvagedRecords, tornTail }: RecoveryReport): void {
  if (outcome !== 'recovered') return;
  note(`the log was not closed; recovered it, ${plural(salvagedRecords, 'record')} salvaged`);
  if (tornTail === undefined) return;
  const { lengthBytes, position, path, copiedTo } = tornTail;
  note(
    `${plural(lengthBytes, 'byte')} behind position ${position} of ${path} moved to ${copiedTo}`,
  );
}

function commitPolicy({ commit, commitDelay }: WritingOptions): CommitPolicy {
  return typeof commit === 'number' ? { bytes: commit, delayMs: commitDelay } : commit;
}

function parseCommit(text: string): WritingOptions['commit'] {
  return text === 'each' || text === 'manual' ? text : parseSize(text);
}

function parseFlush(text: string): FlushSchedule {
  return text === 'each' || text === 'none' ? text : { everyMs: parseMilliseconds(text) };
}
