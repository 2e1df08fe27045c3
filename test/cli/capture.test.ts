import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { liveLine } from '../../src/cli/capture-line.js';
import { ProgressLine } from '../../src/cli/progress.js';
import type { CaptureProgress, CaptureReport } from '../../src/index.js';
import { NUMBERED, captureLogPath, numbersIn } from '../support/captures.js';
import { finished, logWithDamagedEnd, runCli, startCli, type CliResult } from '../support/cli.js';
import { bytesOnDisk } from '../support/disk-use.js';
import { range } from '../support/logs.js';
import { canMountTmpfs, mountTmpfs } from '../support/small-file-system.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const module = fileURLToPath(new URL('../fixtures/sources.mjs', import.meta.url));

/** Arguments for a source of the fixture; the log stands last. */
function argumentsOf(log: string, source: object, ...options: string[]): string[] {
  return ['capture', 'module', '--args', JSON.stringify(source), ...options, module, log];
}

function captured(log: string, source: object, ...options: string[]): Promise<CliResult> {
  return runCli(argumentsOf(log, source, ...options));
}

/** Starts a capture, and resolves when the source has said a word. */
async function started(
  word: string,
  log: string,
  source: object,
  ...options: string[]
): Promise<{ child: ChildProcessWithoutNullStreams; result: Promise<CliResult> }> {
  const child = startCli(argumentsOf(log, source, ...options));
  const result = finished(child);
  await said(child, word);
  return { child, result };
}

function said(child: ChildProcessWithoutNullStreams, word: string): Promise<void> {
  let text = '';
  return new Promise((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      text += String(chunk);
      if (text.includes(word)) resolve();
    });
  });
}

describe('capture', () => {
  it('of a module says what was captured, on standard error, and nothing in a pipe before', async () => {
    const log = captureLogPath();
    const result = await captured(log, { kind: 'count', to: 1000 });
    expect(result.code).toBe(0);
    expect(result.stdout).toHaveLength(0);
    expect(result.stderr).toMatch(
      /^stratalog: captured 1,000 events, \d+\.\d KiB of log, as offsets 0 to 999 in [\d.]+ s \([\d,]+ events\/s, [\d.]+ \w+\/s\)\n$/,
    );
    expect(numbersIn(log)).toEqual(range(0, 1000));
  });

  it('prints the report as JSON', async () => {
    const log = captureLogPath();
    const result = await captured(log, { kind: 'rejecting', to: 9 }, '--json');
    expect(result).toMatchObject({ code: 0 });
    const report = JSON.parse(String(result.stdout)) as CaptureReport;
    expect(report).toMatchObject({
      log,
      source: 'fixture',
      ended: 'source',
      events: 6,
      rejected: 3,
      dropped: { 'missed ticks': 7 },
      recovery: { outcome: 'created' },
      details: { told: true },
    });
  });

  it('tells the first rejects as they come, counts the others, and what was dropped', async () => {
    const log = captureLogPath();
    const { stderr, code } = await captured(log, { kind: 'rejecting', to: 30 });
    expect(code).toBe(0);
    const lines = stderr.split('\n').slice(0, -1);
    const told = lines.filter((line) => /^stratalog: rejected line \d+: .*expected/.test(line));
    expect(told.map((line) => /line (\d+)/.exec(line)?.[1])).toEqual(['3', '6', '9', '12', '15']);
    expect(lines.slice(5)).toEqual([
      'stratalog: further rejects are counted only',
      expect.stringContaining('captured 20 events'),
      'stratalog: dropped 7 (missed ticks)',
      'stratalog: rejected 10 of the input',
    ]);
  });

  it('may be told to end after days', async () => {
    const log = captureLogPath();
    const { code } = await captured(log, { kind: 'count', to: 1 }, '--duration', '2147483');
    expect(code).toBe(0);
    expect(numbersIn(log)).toEqual([0]);
  });

  it('says nothing with -q', async () => {
    const result = await captured(captureLogPath(), { kind: 'rejecting', to: 30 }, '-q');
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toHaveLength(0);
  });

  it('keeps rejects in a new file, or behind what is in it', async () => {
    const log = captureLogPath();
    const file = join(dirname(log), 'rejects.jsonl');
    const source = { kind: 'rejecting', to: 6 };
    const first = await captured(log, source, '--rejects', file);
    expect(first.stderr).toContain(`rejected 2 of the input; they are in ${file}\n`);
    const again = await captured(log, source, '--rejects', file);
    expect(again.code).toBe(1);
    expect(again.stderr).toBe(
      `stratalog: Invalid rejectFile: ${file} exists; append to it, or name another\n`,
    );
    const more = await captured(log, source, '--rejects', file, '--append-rejects');
    expect(more.code).toBe(0);
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { text: string }).text)).toEqual([
      'line 3',
      'line 6',
      'line 3',
      'line 6',
    ]);
  });

  it.each([
    ['--count', '123', 'events'],
    ['--size', '64K', 'bytes'],
    ['--duration', '0.3', 'duration'],
  ])('stops by %s %s', async (option, value, ended) => {
    const log = captureLogPath();
    const result = await captured(log, { kind: 'endless' }, option, value, '--json');
    expect(result.code).toBe(0);
    const json = String(result.stdout).replace(/^running\n/, '');
    const report = JSON.parse(json) as CaptureReport;
    expect(report.ended).toBe(ended);
    if (option === '--count') expect(report.events).toBe(123);
    expect(numbersIn(log)).toEqual(range(0, report.events));
  });

  it('stops with 1 when there are more rejects than --max-rejects', async () => {
    const log = captureLogPath();
    const result = await captured(log, { kind: 'rejecting', to: 30 }, '--max-rejects', '1');
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(
      /captured 4 events.*\n.*dropped 7 .*\n.*rejected 2 .*\n.*more than 1 reject\n$/,
    );
  });

  it('keeps a log within --keep, and says where it begins', async () => {
    const log = captureLogPath();
    const options = ['--keep', '300K', '--flush', 'none'];
    const { stderr, code } = await captured(log, { kind: 'count', to: 20_000 }, ...options);
    expect(code).toBe(0);
    expect(bytesOnDisk(log)).toBeLessThanOrEqual(300 * 1024);
    const first = Number(/the log begins at offset (\d+) now/.exec(stderr)?.[1]);
    expect(numbersIn(log)).toEqual(range(first, 20_000));
  });

  it('takes a schema from a file, which a source must follow', async () => {
    const log = captureLogPath();
    const file = join(dirname(log), 'numbered.bfbs');
    writeFileSync(file, NUMBERED.bytes);
    const source = { kind: 'rejecting', to: 3 };
    expect(await captured(log, source, '--schema', file)).toMatchObject({ code: 0 });
    const missing = await captured(log, source, '--schema', `${file}.none`);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain('Cannot read the schema');
  });

  it('tells of a recovery', async () => {
    const log = captureLogPath();
    const { child, result } = await started('running', log, { kind: 'endless' });
    child.kill('SIGKILL');
    await result;
    const { stderr } = await captured(log, { kind: 'count', to: 1 });
    expect(stderr).toContain('the log was not closed; recovered it');
  });
});

describe('an error', () => {
  it('of the source ends with 1 and what was captured', async () => {
    const log = captureLogPath();
    const { code, stderr } = await captured(log, { kind: 'failing', message: 'unplugged' });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^stratalog: captured 1 event,.*\nstratalog: Capture from fixture failed after 1 event: unplugged\n$/,
    );
  });

  it('of the source ends with 1 although nobody reads the report', async () => {
    const source = { kind: 'failing', message: 'unplugged' };
    const child = startCli(argumentsOf(captureLogPath(), source, '--json'));
    child.stdout.destroy();
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(1);
  });

  it.each<[string, object, RegExp]>([
    ['that returns nothing', { kind: 'nothing' }, /neither a source with 'run' nor an iterable/],
    ['that throws', { kind: 'unheard of' }, /KINDS\[kind\] is not a function/],
  ])('of a module %s ends with 1 and no log', async (_, source, message) => {
    const log = temporaryLogPath();
    const { code, stderr } = await captured(log, source);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(existsSync(log)).toBe(false);
  });

  it('of a module that is not there ends with 1', async () => {
    const log = temporaryLogPath();
    const { code, stderr } = await runCli(['capture', 'module', './nowhere.js', log]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^stratalog: Cannot find module .*nowhere\.js\n$/);
  });

  it.each([
    [['--count', '0'], 'Invalid maxEvents'],
    [['--keep', '1K'], 'Invalid budgetBytes'],
    [['--keep', '1M', '--segment-size', '1M'], 'Invalid budgetBytes'],
    [['--root', 'x'], '--root goes with --schema'],
    [['--append-rejects'], '--append-rejects goes with --rejects'],
    [['--no-create'], 'it does not exist'],
    [['--duration', '-1'], "option '--duration <seconds>' argument '-1' is invalid"],
    [['--duration', '2147484'], 'more than 0 and up to 2147483'],
  ])('of use such as %j ends with 1 and no log', async (options, message) => {
    const log = temporaryLogPath();
    const { code, stderr } = await captured(log, { kind: 'count', to: 1 }, ...options);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^stratalog: .+\n$/);
    expect(existsSync(log)).toBe(false);
  });

  it('of a log that another appender holds ends with 3', async () => {
    const log = captureLogPath();
    const { child, result } = await started('running', log, { kind: 'endless' });
    expect((await captured(log, { kind: 'count', to: 1 })).code).toBe(3);
    child.kill('SIGINT');
    expect((await result).code).toBe(130);
  });

  it('of a damaged log ends with 2', async () => {
    const log = await logWithDamagedEnd(['a', 'b', 'c'], 1);
    expect((await captured(log, { kind: 'count', to: 1 })).code).toBe(2);
  });

  it.skipIf(!canMountTmpfs())(
    'of a full disk ends with 4, and everything so far is there',
    async () => {
      const log = join(mountTmpfs(1024) as string, 'log');
      const options = ['--segment-size', '64K'];
      const { code, stderr } = await captured(log, { kind: 'count', to: 1e6 }, ...options);
      expect(code).toBe(4);
      const [, events] = /captured ([\d,]+) events/.exec(stderr) ?? [];
      expect(stderr).toMatch(/failed after \d+ events: Cannot .*ENOSPC \(no space left/);
      const count = Number(events?.replaceAll(',', ''));
      expect(count).toBeGreaterThan(1000);
      expect(numbersIn(log)).toEqual(range(0, count));
    },
  );
});

describe('a signal', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('%s ends a capture in good order with %i', async (signal, code) => {
    const log = captureLogPath();
    const { child, result } = await started('running', log, { kind: 'endless' });
    child.kill(signal);
    const ended = await result;
    expect(ended.code).toBe(code);
    const [, count] = /captured ([\d,]+) events/.exec(ended.stderr) ?? [];
    expect(numbersIn(log)).toEqual(range(0, Number(count?.replaceAll(',', ''))));
  });

  it('while the source opens ends it with 130 and no log', async () => {
    const log = temporaryLogPath();
    const { child, result } = await started('opening', log, { kind: 'slow' });
    child.kill('SIGINT');
    const ended = await result;
    expect(ended.code).toBe(130);
    expect(ended.stderr).toBe('stratalog: captured nothing: it was stopped before it had begun\n');
    expect(existsSync(log)).toBe(false);
  });

  it('that comes twice ends it at once, and the log can be recovered', async () => {
    const log = captureLogPath();
    const { child, result } = await started('running', log, { kind: 'deaf' });
    child.kill('SIGINT');
    await said(child, 'asked');
    child.kill('SIGINT');
    expect((await result).signal).toBe('SIGINT');
    await captured(log, { kind: 'count', to: 0 });
    expect(numbersIn(log)).toEqual([1]);
  });
});

describe('--help', () => {
  it.each([[['capture']], [['capture', 'module']]])(
    'of %j gives examples, limits and exit codes',
    async (verbs) => {
      const { code, stdout } = await runCli([...verbs, '--help']);
      expect(code).toBe(0);
      for (const word of ['Examples:', 'Exit codes:', `stratalog ${verbs.join(' ')}`]) {
        expect(String(stdout)).toContain(word);
      }
      expect(String(stdout)).not.toMatch(/default[^()]*\)\s+\(default|default: null/);
    },
  );
});

describe('the live line', () => {
  const progress: CaptureProgress = {
    elapsedMs: 12_000,
    events: 1_234_567,
    bytes: 9e7,
    eventsPerSecond: 987_654,
    bytesPerSecond: 36_000_000,
    rejected: 1234,
    dropped: { 'missed ticks': 10, 'log full': 2 },
    isFull: true,
    startOffset: 0,
    nextOffset: 1_234_567,
    committedOffset: 1_234_000,
    flushedOffset: 1_000_000,
    lagMs: 1234,
    segment: { base: 800_000, usedBytes: 450, sizeBytes: 1000 },
  };

  it('says everything where there is room', () => {
    expect(liveLine(progress, 200)).toBe(
      '988k events/s  dropped 12 (10 missed ticks, 2 log full)  rejected 1,234  log full  34.3 MiB/s  lag 235k, 1.23 s  segment 800000 45%  1,234,567 events',
    );
  });

  it('says the most important things in 20 columns and in any number of them', () => {
    expect(liveLine(progress, 19)).toBe('988k/s  drop 12');
    expect(liveLine({ ...progress, dropped: {} }, 19)).toBe('988k/s  bad 1.2k');
    expect(liveLine(progress, 79)).toBe(
      '988k/s  drop 12  bad 1.2k  full  34.3 MiB/s  lag 235k  seg 45%  1.2M',
    );
    for (let columns = 0; columns < 160; columns++) {
      expect(liveLine(progress, columns).length).toBeLessThanOrEqual(columns);
    }
  });

  it('leaves out what there is nothing of', () => {
    const calm = { ...progress, dropped: {}, rejected: 0, isFull: false };
    expect(liveLine(calm, 79)).toBe(
      '988k events/s  34.3 MiB/s  lag 235k, 1.23 s  segment 800000 45%',
    );
  });

  it('is given the columns of its terminal, but one, and is taken away for other lines', () => {
    const written: string[] = [];
    const line = new ProgressLine({
      isTTY: true,
      columns: 20,
      write: (text: string) => written.push(text),
    });
    line.show((columns) => liveLine(progress, columns));
    line.clear();
    line.clear();
    line.show(() => 'again');
    line.end();
    const clear = '\r\u001B[K';
    expect(written).toEqual([`${clear}988k/s  drop 12`, clear, `${clear}again`, clear]);
  });
});
