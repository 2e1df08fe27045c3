/** `append`: standard input to the end of a log. */
import { createReadStream, fstatSync, readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { Command, InvalidArgumentError, Option } from 'commander';
import {
  LengthSplitter,
  LineSplitter,
  RecordTooLargeError,
  openAppender,
  type Appender,
  type EventAppender,
  type RecordSplitter,
  type TakeRecord,
} from '../index.js';
import { EXIT_CODES_HELP, InputError } from './exit-codes.js';
import {
  MAX_LINE_BYTES,
  openTyped,
  takeFlatBuffers,
  takeJsonLines,
  type SchemaOptions,
} from './event-input.js';
import { Interruption } from './interruption.js';
import {
  formatBytes,
  formatCount,
  formatOffsets,
  formatSeconds,
  note,
  perSecond,
  plural,
  printJson,
} from './output.js';
import { ProgressLine } from './progress.js';
import {
  addWritingOptions,
  appenderOptions,
  noteRecovery,
  type WritingOptions,
} from './writing.js';

const HELP = `
Each line of standard input becomes a record, without its newline; a last line needs none. With
'--framing length' each record is preceded by its length, a little-endian u32.

A log that remembers a schema takes events: each line is one as JSON, as 'cat' shows it, or with '--framing
length' each record is a FlatBuffer, which is checked. '--schema FILE.bfbs' makes such a log, or changes
the schema of one, if FlatBuffers allows the change; 'flatc --binary --schema' writes that file.

Ctrl-C, SIGTERM and SIGHUP close the log with every complete record that has come in. Input that is
cut off or too large ends with exit code 1, and everything before it is in the log.

Examples:
  $ journalctl -f -o json | stratalog append journal
  $ stratalog append --segment-size 1G --flush none ticks < ticks.csv
  $ stratalog cat --framing length old | stratalog append --framing length new
  $ stratalog append --schema imu.bfbs imu < events.jsonl
  $ echo 'visible, and on disk' | stratalog append --commit each --flush each notes
${EXIT_CODES_HELP}`;

const READ_BYTES = 1024 * 1024;

interface Options extends SchemaOptions, WritingOptions {
  readonly framing: 'lines' | 'length';
  readonly keepNewline?: boolean;
  readonly header?: Uint8Array;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

export function appendCommand(): Command {
  const command = new Command('append')
    .summary('append standard input, one record a line')
    .description('Appends the records on standard input to a log.')
    .argument('<log>', 'directory of the log; created if it does not exist')
    .addOption(
      new Option('--framing <kind>', 'how records follow one another in the input')
        .choices(['lines', 'length'])
        .default('lines'),
    )
    .option('--keep-newline', 'with lines: the newline is part of the record')
    .option('--schema <file>', 'records are events of this schema, a .bfbs file')
    .option('--root <name>', "table that events are (default: the schema's root_type)");
  return addWritingOptions(command)
    .option('--header <file>', 'application header of new segments, up to 2 KiB', readHeader)
    .option('-q, --quiet', 'no progress, no summary')
    .option('--json', 'print the summary as JSON on standard output')
    .addHelpText('after', HELP)
    .action(append);
}

async function append(path: string, options: Options): Promise<void> {
  const { header } = options;
  const given = { ...appenderOptions(options), ...(header === undefined ? {} : { header }) };
  const events = openTyped(path, given, options);
  const appender = events?.records ?? openAppender(path, given);
  noteRecovery(appender.recovery);
  const intake = new Intake(appender, options, events);
  const progress = new ProgressLine();
  if (options.quiet !== true) progress.start(() => intake.progress());
  const input = openInput();
  const interruption = new Interruption(() => input.destroy());
  let failure: unknown;
  try {
    await intake.consume(input, interruption);
  } catch (error) {
    failure = error;
  }
  try {
    await appender.close();
  } catch (error) {
    failure ??= error;
  }
  interruption.release();
  progress.end();
  if (options.json === true) printJson(intake.report(path));
  else if (options.quiet !== true) note(intake.summary());
  interruption.setExitCode();
  if (failure !== undefined) throw failure;
}

/** What comes in, on its way into the log. */
class Intake {
  readonly #appender: Appender;
  readonly #put: TakeRecord;
  readonly #splitter: RecordSplitter;
  readonly #firstOffset: number;
  readonly #startedAt = performance.now();
  #bytes = 0;
  #lastDraw = { at: this.#startedAt, records: 0, bytes: 0 };

  constructor(appender: Appender, options: Options, events: EventAppender | undefined) {
    const { framing, keepNewline = false } = options;
    this.#appender = appender;
    this.#firstOffset = appender.nextOffset;
    this.#put = takerOf(appender, framing, events);
    const take = (payload: Uint8Array): void => this.#append(payload);
    const limit = appender.maxRecordBytes;
    this.#splitter =
      framing === 'lines'
        ? new LineSplitter(take, {
            maxBytes: events === undefined ? limit : MAX_LINE_BYTES,
            keepNewline,
          })
        : new LengthSplitter(take, { maxBytes: limit });
  }

  /** Appends until the input ends, or a signal has closed it. */
  async consume(input: Readable, interruption: Interruption): Promise<void> {
    try {
      for await (const chunk of input) {
        this.#splitter.push(chunk as Buffer);
        if (interruption.signal !== undefined) break;
      }
    } catch (error) {
      const isClosedByUs = interruption.signal !== undefined && isPrematureClose(error);
      if (!isClosedByUs) throw error;
    }
    if (interruption.signal === undefined) return this.#splitter.end();
    const { pendingBytes } = this.#splitter;
    if (pendingBytes > 0) note(`${plural(pendingBytes, 'byte')} of an unfinished record left out`);
  }

  progress(): string {
    const now = performance.now();
    const { at, records, bytes } = this.#lastDraw;
    this.#lastDraw = { at: now, records: this.#records, bytes: this.#bytes };
    const rate = formatCount(perSecond(this.#records - records, now - at));
    const speed = formatBytes(perSecond(this.#bytes - bytes, now - at));
    return `${formatCount(this.#records)} records, ${formatBytes(this.#bytes)}  ${rate}/s, ${speed}/s`;
  }

  summary(): string {
    const records = this.#records;
    if (records === 0) return 'appended nothing: there were no records in the input';
    const ms = performance.now() - this.#startedAt;
    const offsets = formatOffsets({ from: this.#firstOffset, to: this.#appender.committedOffset });
    const rate = `${formatCount(perSecond(records, ms))} records/s`;
    const speed = `${formatBytes(perSecond(this.#bytes, ms))}/s`;
    return `appended ${plural(records, 'record')}, ${formatBytes(this.#bytes)}, as ${offsets} in ${formatSeconds(ms)} (${rate}, ${speed})`;
  }

  report(path: string): object {
    const { committedOffset, flushedOffset, durable } = this.#appender;
    return {
      log: path,
      records: this.#records,
      bytes: this.#bytes,
      firstOffset: this.#firstOffset,
      committedOffset,
      flushedOffset,
      durable,
      elapsedMs: performance.now() - this.#startedAt,
    };
  }

  get #records(): number {
    return this.#appender.nextOffset - this.#firstOffset;
  }

  #append(payload: Uint8Array): void {
    try {
      this.#put(payload);
    } catch (error) {
      if (!(error instanceof RecordTooLargeError)) throw error;
      throw new InputError(
        `Record ${this.#records + 1} of the input has ${formatCount(error.sizeBytes)} bytes; the largest that fits a segment has ${formatCount(error.limitBytes)}`,
        { cause: error },
      );
    }
    this.#bytes += payload.length;
  }
}

function takerOf(
  appender: Appender,
  framing: Options['framing'],
  events: EventAppender | undefined,
): TakeRecord {
  if (events === undefined) return (payload) => void appender.append(payload);
  return framing === 'lines' ? takeJsonLines(events) : takeFlatBuffers(events);
}

/** Files in large pieces; anything else the way that Node reads it without ever blocking. */
function openInput(): Readable {
  if (!fstatSync(0).isFile()) return process.stdin;
  return createReadStream('', { fd: 0, autoClose: false, highWaterMark: READ_BYTES });
}

function isPrematureClose(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE';
}

function readHeader(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}
