import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import {
  InputError,
  capture,
  csv,
  defineSchema,
  fileSource,
  flatBuffers,
  jsonLines,
  openEventReader,
  streamSource,
  verifyEventLog,
  type CaptureReport,
  type CaptureSource,
  type EventSchema,
} from '../../src/index.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const SCHEMA = defineSchema('t.Row', [
  { name: 'a', type: 'long', optional: true },
  { name: 'b', type: 'string' },
]);

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function inputPath(content?: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'stratalog-input-'));
  folders.push(folder);
  const path = join(folder, 'input.csv');
  if (content !== undefined) writeFileSync(path, content);
  return path;
}

/** A capture that goes on until it is ended. */
class Running {
  readonly log = temporaryLogPath();
  readonly rejected: string[] = [];
  readonly #ending = new AbortController();
  readonly #report: Promise<CaptureReport>;

  constructor(source: CaptureSource, schema?: EventSchema) {
    this.#report = capture(source, this.log, {
      ...(schema === undefined ? {} : { schema }),
      commit: 'each',
      segmentSizeBytes: 1 << 20,
      signal: this.#ending.signal,
      onReject: ({ line, reason }) => this.rejected.push(`${line}: ${reason}`),
    });
    // Whoever waits for it is told.
    this.#report.catch(() => {});
  }

  /** Until it ends by itself. */
  ended(): Promise<CaptureReport> {
    return this.#report;
  }

  /** Until there are so many events. */
  async until(count: number): Promise<unknown[]> {
    for (;;) {
      const ended = await Promise.race([
        this.#report.then(() => true),
        sleep(10).then(() => false),
      ]);
      const found = this.#countOrNone();
      if (found >= count) return this.#values();
      if (ended) throw new Error(`The capture has ended with ${found} events`);
    }
  }

  async end(): Promise<CaptureReport> {
    this.#ending.abort();
    const report = await this.#report;
    expect(verifyEventLog(this.log)).toMatchObject({ isIntact: true, malformed: 0 });
    return report;
  }

  #countOrNone(): number {
    try {
      return this.#values().length;
    } catch {
      return -1;
    }
  }

  #values(): unknown[] {
    const reader = openEventReader(this.log);
    try {
      const found: unknown[] = [];
      for (let at = 0; at < reader.records.committedOffset; at++) {
        found.push((reader.get(at).toObject() as { a: unknown }).a);
      }
      return found;
    } finally {
      reader.close();
    }
  }
}

describe('fileSource that follows', () => {
  const follow = (path: string, notices: string[] = []): Running =>
    new Running(
      fileSource(path, { format: csv(), follow: true, onNotice: (each) => notices.push(each) }),
    );

  it('goes on as the file grows, and waits for the rest of a line', async () => {
    const path = inputPath('a,b\n1,x\n2,y\n3');
    const running = follow(path);
    expect(await running.until(2)).toEqual([1, 2]);
    appendFileSync(path, '3,z\n4,');
    expect(await running.until(3)).toEqual([1, 2, 33]);
    appendFileSync(path, 'z\n');
    expect(await running.until(4)).toEqual([1, 2, 33, 4]);
    appendFileSync(path, 'unfinished');
    const report = await running.end();
    expect(report).toMatchObject({ ended: 'signal', events: 4, rejected: 0 });
  });

  it('waits for a header and a first row', async () => {
    const path = inputPath('');
    const running = follow(path);
    await sleep(50);
    appendFileSync(path, 'a,b\n');
    await sleep(50);
    appendFileSync(path, '1,x\n');
    expect(await running.until(1)).toEqual([1]);
    await running.end();
  });

  it('reads a truncated file from its start, with a header or without', async () => {
    const notices: string[] = [];
    const path = inputPath('a,b\n1,xxxxxxxx\n2,yyyyyyyy\n');
    const running = follow(path, notices);
    await running.until(2);
    truncateSync(path);
    await untilNotices(notices, 1);
    appendFileSync(path, 'b,a\nx,3\n');
    expect(await running.until(3)).toEqual([1, 2, 3]);
    truncateSync(path);
    await untilNotices(notices, 2);
    appendFileSync(path, 'x,4\n');
    expect(await running.until(4)).toEqual([1, 2, 3, 4]);
    const report = await running.end();
    expect(report.details).toMatchObject({ truncated: 2, replaced: 0 });
    expect(notices[0]).toBe(`${path} was truncated; reading it from its start`);
  });

  it('ends at a file that begins again with other columns: their values have no fields', async () => {
    const notices: string[] = [];
    const path = inputPath('a,b\n1,x\n');
    const running = follow(path, notices);
    await running.until(1);
    renameSync(path, `${path}.1`);
    writeFileSync(path, 'a,c\n3,x\n');
    await expect(running.ended()).rejects.toMatchObject({
      code: 'CAPTURE_FAILED',
      cause: { code: 'BAD_INPUT', message: expect.stringContaining('no field for column c') },
      report: { events: 1, rejected: 0 },
    });
  });

  it('takes the file that has taken the place of the old one, and the end of that', async () => {
    const notices: string[] = [];
    const path = inputPath('a,b\n1,x\n');
    const running = follow(path, notices);
    await running.until(1);
    const old = openSync(path, 'a');
    renameSync(path, `${path}.1`);
    writeSync(old, '2,y\nno number,z');
    closeSync(old);
    await sleep(50);
    writeFileSync(path, 'a,b\n3,x\n');
    expect(await running.until(3)).toEqual([1, 2, 3]);
    const report = await running.end();
    expect(report.details).toMatchObject({ truncated: 0, replaced: 1 });
    expect(running.rejected).toEqual(['4: a: expected an integer, got "no number"']);
    expect(notices).toEqual([`${path} was replaced; reading the new file`]);
  });

  it('waits for one writer of a pipe after the other', async () => {
    const path = inputPath();
    execFileSync('mkfifo', [path]);
    const notices: string[] = [];
    const running = follow(path, notices);
    await sleep(50);
    // A pipe that nobody reads would block: the shell waits, and not this thread.
    execFileSync('sh', ['-c', `printf 'a,b\\n1,x\\n2,y\\n' > '${path}'`]);
    expect(await running.until(2)).toEqual([1, 2]);
    await untilNotices(notices, 1);
    execFileSync('sh', ['-c', `printf 'a,b\\n3,x\\n' > '${path}'`]);
    expect(await running.until(3)).toEqual([1, 2, 3]);
    const report = await running.end();
    expect(running.rejected).toEqual([]);
    expect(report.details).toMatchObject({ format: 'csv' });
  });

  it('can be ended while nothing comes: from a file, and from a pipe without a writer', async () => {
    const file = follow(inputPath('a,b\n1,x\n'));
    await file.until(1);
    expect(await file.end()).toMatchObject({ ended: 'signal', events: 1 });
    const path = inputPath();
    execFileSync('mkfifo', [path]);
    const pipe = new Running(fileSource(path, { format: flatBuffers(), follow: true }), SCHEMA);
    await pipe.until(0);
    expect(await pipe.end()).toMatchObject({ ended: 'signal', events: 0 });
  });

  it('can be ended before there is anything to tell what its events are', async () => {
    const path = inputPath();
    execFileSync('mkfifo', [path]);
    const ending = new AbortController();
    const source = fileSource(path, { format: csv(), follow: true });
    const opening = source.open?.(undefined, ending.signal);
    ending.abort(new Error('enough'));
    await expect(opening).rejects.toThrow('enough');
    await source.close?.();
    // Until whoever opens the pipe for writing has no reader.
    while (hasReader(path)) await sleep(10);
  });

  async function untilNotices(notices: readonly string[], count: number): Promise<void> {
    while (notices.length < count) await sleep(10);
  }
});

function hasReader(pipe: string): boolean {
  try {
    closeSync(openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK));
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENXIO' });
    return false;
  }
}

describe('fileSource', () => {
  it('ends at the end of a file, or when the writer of a pipe goes', async () => {
    const log = temporaryLogPath();
    expect(
      await capture(fileSource(inputPath('a\n1\n2\n3'), { format: csv() }), log),
    ).toMatchObject({ events: 3, ended: 'source' });
    const path = inputPath();
    execFileSync('mkfifo', [path]);
    const running = capture(fileSource(path, { format: csv() }), log);
    await sleep(50);
    execFileSync('sh', ['-c', `printf 'a\\n4' > '${path}'`]);
    expect(await running).toMatchObject({ events: 1, firstOffset: 3, ended: 'source' });
  });

  it('refuses what cannot be read, before there is a log', async () => {
    const log = temporaryLogPath();
    const missing = fileSource(join(log, 'nothing'), { format: csv() });
    await expect(capture(missing, log)).rejects.toThrow(/^Cannot read .*ENOENT/);
    await expect(capture(fileSource(tmpdir(), { format: csv() }), log)).rejects.toThrow(
      /is a directory$/,
    );
    expect(() => openEventReader(log)).toThrow();
  });
});

describe('streamSource', () => {
  const rows = (count: number): string[] => Array.from({ length: count }, (_, i) => `${i},x\n`);

  it('takes any stream or iterable of bytes', async () => {
    const log = temporaryLogPath();
    const chunks = ['a,b\n', ...rows(1000)].map((text) => new TextEncoder().encode(text));
    expect(
      await capture(streamSource(Readable.from(chunks), { format: csv() }), log),
    ).toMatchObject({ events: 1000 });
    async function* generated(): AsyncGenerator<Uint8Array> {
      for (const chunk of chunks) yield await Promise.resolve(chunk);
    }
    expect(await capture(streamSource(generated(), { format: csv() }), log)).toMatchObject({
      events: 1000,
      firstOffset: 1000,
    });
  });

  it('of chunks that never wait lets time limits come', async () => {
    const chunk = Buffer.from(rows(100).join(''));
    function* endless(): Generator<Uint8Array> {
      yield Buffer.from('a,b\n');
      for (let n = 0; n < 20_000; n++) yield chunk;
    }
    const source = streamSource(Readable.from(endless()), { format: csv() });
    const report = await capture(source, temporaryLogPath(), { durationMs: 30 });
    expect(report.ended).toBe('duration');
    expect(report.events).toBeGreaterThan(0);
  });

  it('does not wait long for a slow stream to say what it has', async () => {
    const input = new PassThrough();
    const running = new Running(streamSource(input, { format: csv() }));
    input.write('a,b\n1,x\n');
    expect(await running.until(1)).toEqual([1]);
    input.write('2,y\n');
    expect(await running.until(2)).toEqual([1, 2]);
    await running.end();
    expect(input.destroyed).toBe(true);
  });

  it('keeps everything before a stream that fails, and says why', async () => {
    const log = temporaryLogPath();
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(`a,b\n${rows(100).join('')}`);
      await sleep(1);
      throw new Error('the line has gone');
    }
    const source = streamSource(failing(), { format: csv() });
    await expect(capture(source, log, { schema: SCHEMA })).rejects.toThrow('the line has gone');
    expect(verifyEventLog(log)).toMatchObject({ isIntact: true, events: 100 });
  });

  it('ends with an error where a length makes no sense, with everything before it in the log', async () => {
    const log = temporaryLogPath();
    const input = Readable.from([Buffer.from('text that was taken for a length')]);
    await expect(
      capture(streamSource(input, { format: flatBuffers() }), log, { schema: SCHEMA }),
    ).rejects.toThrow(/length prefix of 1,954,047,348/);
    expect(verifyEventLog(log)).toMatchObject({ isIntact: true, events: 0 });
  });

  it('changes nothing where the input does not fit', async () => {
    const log = temporaryLogPath();
    const fits = streamSource(Readable.from([Buffer.from('{"a":1}\n')]), { format: jsonLines() });
    await capture(fits, log);
    const other = streamSource(Readable.from([Buffer.from('a,b\n1,x\n')]), { format: csv() });
    await expect(capture(other, log)).rejects.toThrow(InputError);
    expect(verifyEventLog(log)).toMatchObject({ isIntact: true, events: 1 });
    const added = streamSource(Readable.from([Buffer.from('a,b\n1,x\n')]), {
      format: csv({ addColumns: true }),
    });
    expect(await capture(added, log)).toMatchObject({ events: 1, rejected: 0 });
  });

  it('says that text is not taken for bytes', async () => {
    const input = Readable.from(['a,b\n1,x\n']) as AsyncIterable<Uint8Array>;
    await expect(
      capture(streamSource(input, { format: csv() }), temporaryLogPath()),
    ).rejects.toThrow(TypeError);
  });
});
