/** `bench`: what this machine does, in a few seconds. */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { openAppender, openReader, type Reader } from '../index.js';
import { parseSize } from './arguments.js';
import { EXIT_CODES_HELP } from './exit-codes.js';
import { Interruption } from './interruption.js';
import { formatBytes, formatCount, perSecond, plural, print, printJson, table } from './output.js';
import { ProgressLine } from './progress.js';

const HELP = `
Appends records of 64 bytes with group commit (64 KiB), scans them with checksums verified and once
more without, and gets some at random. Before that it writes and deletes as much once, so that fresh
memory is not what is measured. Uses a temporary folder in [dir], removed at the end.

One short run: expect differences between runs. The volume matters, too, so try --size.

Examples:
  $ stratalog bench
  $ stratalog bench --size 2G /var/tmp
  $ stratalog bench --json | jq .results
${EXIT_CODES_HELP}`;

const RECORD_BYTES = 64;
/** With its header. */
const FRAME_SHARE_BYTES = 72;
const COMMIT = { bytes: 64 * 1024, delayMs: 1000 };
const MIN_RECORDS = 1000;
const MAX_GETS = 1_000_000;
/** Records between two turns of the event loop, in which signals are heard. */
const SLICE = 200_000;
const DEFAULT_SIZE_BYTES = 256 * 1024 * 1024;

interface Options {
  readonly size: number;
  readonly json?: boolean;
}

interface Result {
  readonly name: string;
  readonly records: number;
  readonly ms: number;
}

export function benchCommand(): Command {
  return new Command('bench')
    .summary('measure this machine')
    .description('Measures appending, scanning and random access on this machine.')
    .argument('[dir]', 'where to put the temporary folder', tmpdir())
    .addOption(
      new Option('--size <size>', 'how much to write, such as 64M or 2G')
        .argParser(parseSize)
        .default(DEFAULT_SIZE_BYTES, '256M'),
    )
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(bench);
}

async function bench(dir: string, options: Options): Promise<void> {
  const folder = mkdtempSync(join(dir, 'stratalog-bench-'));
  const interruption = new Interruption();
  const progress = new ProgressLine();
  try {
    const run = new Run(folder, options.size, progress, interruption);
    const results = await run.all();
    progress.end();
    if (interruption.signal === undefined) report(results, options);
  } finally {
    progress.end();
    interruption.release();
    rmSync(folder, { recursive: true, force: true });
  }
  interruption.setExitCode();
}

class Run {
  readonly #folder: string;
  readonly #records: number;
  readonly #progress: ProgressLine;
  readonly #interruption: Interruption;

  constructor(
    folder: string,
    sizeBytes: number,
    progress: ProgressLine,
    interruption: Interruption,
  ) {
    this.#folder = folder;
    this.#records = Math.max(MIN_RECORDS, Math.floor(sizeBytes / FRAME_SHARE_BYTES));
    this.#progress = progress;
    this.#interruption = interruption;
  }

  async all(): Promise<Result[]> {
    const warmUp = join(this.#folder, 'warm-up');
    await this.#append('warm-up', warmUp);
    rmSync(warmUp, { recursive: true });
    const log = join(this.#folder, 'log');
    return [
      await this.#append('append', log),
      await this.#scan('scan, verified', log, 'first-touch'),
      await this.#scan('scan, unverified', log, 'never'),
      await this.#get('get at random', log),
    ];
  }

  async #append(name: string, path: string): Promise<Result> {
    const appender = openAppender(path, { commit: COMMIT, flush: 'none' });
    const record = new Uint8Array(RECORD_BYTES);
    try {
      await appender.prepare();
      return await this.#measure(name, this.#records, (count) => {
        for (let i = 0; i < count; i++) appender.append(record);
      });
    } finally {
      await appender.close();
    }
  }

  async #scan(name: string, path: string, verify: 'first-touch' | 'never'): Promise<Result> {
    const reader = openReader(path, { verify, access: 'sequential' });
    const cursor = reader.cursor({ snapshot: true });
    let sum = 0;
    try {
      return await this.#measure(name, reader.committedOffset, (count) => {
        for (let i = 0; i < count && cursor.next(); i++) sum += cursor.getFloat64(0);
        if (sum !== 0) throw new Error('The scan has read what was never written');
      });
    } finally {
      reader.close();
    }
  }

  async #get(name: string, path: string): Promise<Result> {
    const reader = openReader(path, { access: 'random' });
    try {
      touchAll(reader);
      const total = reader.committedOffset;
      return await this.#measure(name, Math.min(total, MAX_GETS), (count) => {
        for (let i = 0; i < count; i++) {
          const offset = Math.floor(Math.random() * total);
          if (reader.get(offset).offset !== offset) throw new Error(`Wrong record at ${offset}`);
        }
      });
    } finally {
      reader.close();
    }
  }

  /** In slices; the time between them does not count. */
  async #measure(name: string, records: number, work: (count: number) => void): Promise<Result> {
    let ms = 0;
    let done = 0;
    while (done < records && this.#interruption.signal === undefined) {
      const count = Math.min(SLICE, records - done);
      const startedAt = performance.now();
      work(count);
      ms += performance.now() - startedAt;
      done += count;
      this.#progress.update(() => this.#progress.bar(name, done / records));
      await turn();
    }
    return { name, records: done, ms };
  }
}

/** Random access is measured on verified memory: the first touch has a line of its own above. */
function touchAll(reader: Reader): void {
  const cursor = reader.cursor({ snapshot: true });
  while (cursor.next());
  cursor.close();
}

function report(results: readonly Result[], { size, json }: Options): void {
  const machine = {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
  };
  const rates = results.map(({ name, records, ms }) => ({
    name,
    records,
    ms,
    recordsPerSecond: perSecond(records, ms),
    bytesPerSecond: perSecond(records * RECORD_BYTES, ms),
  }));
  if (json === true)
    return printJson({ machine, recordBytes: RECORD_BYTES, sizeBytes: size, results: rates });
  print(
    `${machine.cpu}, ${plural(machine.cores, 'core')}, Node ${machine.node}, ${machine.platform}`,
  );
  print(`records of ${RECORD_BYTES} bytes, ${formatBytes(size)} on disk, one thread\n`);
  const rows = rates.map((rate) => [
    formatCount(rate.recordsPerSecond),
    (rate.bytesPerSecond / 1e6).toFixed(1),
    formatCount(rate.records),
    rate.name,
  ]);
  return print(table([['records/s', 'MB/s', 'records', ''], ...rows]));
}
