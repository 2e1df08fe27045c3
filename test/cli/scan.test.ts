import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openAppender } from '../../src/index.js';
import { finished, logWithDamagedEnd, madeLog, runCli, startCli } from '../support/cli.js';
import { fixture } from '../support/dying.js';
import { allFrames, flipBit, segmentFile } from '../support/log-damage.js';
import { numberedLog } from '../support/scans.js';
import { bytes, temporaryLogPath } from '../support/temporary-log.js';

const MODULE = ['--module', fixture('scan-module.mjs')];
const TEN = Array.from({ length: 10 }, (_, i) => `${'ab'[i % 2]}${'x'.repeat(i)}`);

/** Larger than the smallest piece, so that there are several. */
function largeLog(): Promise<string> {
  return numberedLog(15_000, 200);
}

function lines(output: Buffer): string[] {
  return String(output).split('\n').slice(0, -1);
}

function spoil(log: string, offset: number): void {
  const frame = allFrames(log).find(({ base, count }) => offset < base + count);
  if (frame === undefined) throw new Error(`No frame has offset ${offset}`);
  flipBit(segmentFile(log, frame.segment), frame.position + 70);
}

describe('scan --module', () => {
  it.each([
    [[], '10'],
    [['--from', '3'], '7'],
    [['--from', '-4', '--to', '-1'], '3'],
    [['--to', '5'], '5'],
    [['--from', '5', '--to', '3'], '0'],
    [['--since', '2000-01-01', '--until', '2999-01-01'], '10'],
    [['--since', '2999-01-01'], '0'],
    [['--until', '2000-01-01'], '0'],
    [['--flushed', '--workers', '1'], '10'],
    [['--export', 'longest', '--args', '{"prefix":"a"}'], '[{"length":9,"offset":8}]'],
    [['--export', 'argumentsOf', '--args', '[1,null,"x"]'], '[[[1,null,"x"]]]'],
    [['--export', 'argumentsOf'], '[["none"]]'],
    [['--export', 'odd'], '[{"count":"10","bytes":[1,2],"names":["x"]}]'],
    [['--export', 'end', '--reduce', 'joined'], '-10'],
  ])('with %j prints %s', async (options, expected) => {
    const path = await madeLog(TEN);
    const { code, stdout, stderr } = await runCli(['scan', path, ...MODULE, ...options]);
    expect({ code, stderr, lines: lines(stdout) }).toEqual({
      code: 0,
      stderr: '',
      lines: [expected],
    });
  });

  it('adds up the numbers of all pieces', async () => {
    const path = await largeLog();
    const { code, stdout } = await runCli(['scan', path, ...MODULE, '--workers', '2']);
    expect([code, lines(stdout)]).toEqual([0, ['15000']]);
  });

  it('prints all other results as an array, in the order of the log', async () => {
    const path = await largeLog();
    const { stdout } = await runCli(['scan', path, ...MODULE, '--export', 'end']);
    const ends = (JSON.parse(String(stdout)) as string[]).map((end) => -Number(end));
    expect(ends.length).toBeGreaterThan(2);
    expect(ends).toEqual(ends.toSorted((a, b) => a - b));
    expect(ends.at(-1)).toBe(15_000);
  });

  it('reduces in the order of the log, beginning with the first result', async () => {
    const path = await largeLog();
    const run = (...options: string[]): ReturnType<typeof runCli> =>
      runCli(['scan', path, ...MODULE, '--export', 'end', ...options]);
    const ends = JSON.parse(String((await run()).stdout)) as string[];
    const { code, stdout } = await run('--reduce', 'joined');
    expect([code, lines(stdout)]).toEqual([0, [ends.join('')]]);
  });

  it('prints the value and what was scanned as JSON', async () => {
    const path = await madeLog(TEN);
    const options = ['--export', 'longest', '--args', '{"prefix":"b"}', '--reduce', 'longer'];
    const { code, stdout } = await runCli(['scan', path, ...MODULE, ...options, '--json']);
    expect(code).toBe(0);
    const frameBytes = allFrames(path).reduce((sum, { length }) => sum + length, 0);
    expect(JSON.parse(String(stdout))).toEqual({
      value: { length: 10, offset: 9 },
      records: 10,
      bytes: frameBytes,
      pieces: 1,
      from: 0,
      to: 10,
      damage: [],
    });
  });

  it('scans what is there while somebody appends', async () => {
    const path = temporaryLogPath();
    const appender = openAppender(path);
    for (const record of TEN) appender.append(bytes(record));
    const { code, stdout } = await runCli(['scan', path, ...MODULE]);
    expect([code, lines(stdout)]).toEqual([0, ['10']]);
    await appender.close();
  });

  it('takes the module from the working directory, whatever its name', async () => {
    const path = await madeLog(TEN);
    const missing = await runCli(['scan', path, '--module', 'not/there.js']);
    expect(missing).toMatchObject({
      code: 1,
      stderr: `stratalog: Cannot find module ${join(process.cwd(), 'not/there.js')}\n`,
    });
    const module = 'test/fixtures/scan-module.mjs';
    expect(lines((await runCli(['scan', path, '--module', module])).stdout)).toEqual(['10']);
  });
});

describe('scan without a module', () => {
  const records = ['', 'a', 'bb needle', 'ccc', 'needle'];

  it.each([
    [['--count'], ['5']],
    [['--count', '--from', '3'], ['2']],
    [['--bytes'], ['19']],
    [
      ['--find', 'needle'],
      ['2', '4'],
    ],
    [['--find', 'needle', '--limit', '1'], ['2']],
    [['--find', 'hay'], []],
    [
      ['--sizes', '--workers', '1'],
      [
        '   size  records  bytes',
        '      0        1  0 B',
        '      1        1  1 B',
        ' 2 to 3        1  3 B',
        ' 4 to 7        1  6 B',
        '8 to 15        1  9 B',
      ],
    ],
  ])('answers %j', async (options, expected) => {
    const path = await madeLog(records);
    const { code, stdout, stderr } = await runCli(['scan', path, ...options]);
    expect({ code, stderr, lines: lines(stdout) }).toEqual({
      code: 0,
      stderr: '',
      lines: expected,
    });
  });

  it('answers --rate by the times of commits, in steps of so many seconds', async () => {
    const path = temporaryLogPath();
    const appender = openAppender(path);
    appender.append(bytes('first'));
    const begun = Date.now();
    while (Date.now() < begun + 1100) await new Promise((resolve) => setTimeout(resolve, 20));
    appender.appendBatch([bytes('second'), bytes('third')]);
    await appender.close();
    const { code, stdout } = await runCli(['scan', path, '--rate', '0.5', '--json']);
    const { value } = JSON.parse(String(stdout)) as { value: { timeMs: number }[] };
    expect([code, value]).toMatchObject([
      0,
      [
        { records: 1, bytes: 5 },
        { records: 2, bytes: 11 },
      ],
    ]);
    expect(value.map(({ timeMs }) => timeMs % 500)).toEqual([0, 0]);
    const [head, ...rows] = lines((await runCli(['scan', path, '--rate', '0.5'])).stdout);
    expect(head).toMatch(/^ +time  records  bytes$/);
    const times = value.map(({ timeMs }) => new Date(timeMs).toISOString());
    expect(rows.map((row) => row.trim().split(/ {2,}/))).toEqual([
      [times[0], '1', '5 B'],
      [times[1], '2', '11 B'],
    ]);
  });

  it('answers as JSON what is asked, and what was scanned for it', async () => {
    const path = await madeLog(records);
    const { stdout } = await runCli(['scan', path, '--find', 'needle', '--limit', '1', '--json']);
    expect(JSON.parse(String(stdout))).toMatchObject({ value: [2], from: 0, damage: [] });
    const sizes = await runCli(['scan', path, '--sizes', '--json', '--to', '1']);
    expect(JSON.parse(String(sizes.stdout))).toMatchObject({
      value: [{ fromBytes: 0, toBytes: 1, records: 1, bytes: 0 }],
      to: 1,
    });
  });

  it('takes damage for an error, or counts the rest, as with a module', async () => {
    const path = await madeLog(TEN);
    spoil(path, 4);
    expect(await runCli(['scan', path, '--count'])).toMatchObject({ code: 2 });
    const rest = await runCli(['scan', path, '--count', '--skip-damage']);
    expect([rest.code, lines(rest.stdout)]).toEqual([2, ['9']]);
  });

  it.each([
    [['--count', '--bytes'], /'--count' cannot be used with option '--bytes'/],
    [['--find', 'x', ...MODULE], /'--find <text>' cannot be used with option '--module <file>'/],
    [['--count', '--limit', '3'], /A limit goes with --find/],
    [['--find', 'x', '--limit', '0'], /limit/],
    [['--find', ''], /Cannot search for no bytes at all/],
    [['--rate', '0'], /Expected a number of seconds/],
    [['--sizes', '--args', '1'], /--args goes with --module/],
    [['--sizes', '--export', 'x'], /--export goes with --module/],
    [['--reduce', 'x'], /--reduce goes with --module/],
  ])('refuses %j with 1 and one line', async (options, message) => {
    const path = await madeLog(records);
    const { code, stdout, stderr } = await runCli(['scan', path, ...options]);
    expect([code, String(stdout)]).toEqual([1, '']);
    expect(stderr).toMatch(/^stratalog: .+\n$/);
    expect(stderr).toMatch(message);
  });
});

describe('scan --module that cannot', () => {
  it.each([
    [['--export', 'nothing'], /TypeError: Cannot find export nothing of .*it exports /],
    [['--export', 'number'], /Cannot run export number .*it is no function/],
    [['--export', 'throwing'], /Scan failed in piece 0 .*: RangeError: Cannot go on$/],
    [['--reduce', 'nothing'], /Cannot reduce by export nothing of .*it exports /],
    [['--reduce', 'number'], /Cannot reduce by export number .*of type number/],
    [['--args', '{8}'], /Expected JSON such as/],
    [['--workers', '0'], /Expected a whole number of threads, 1 or more/],
    [['--from', '11'], /11/],
  ])('because of %j exits with 1 and one line', async (options, message) => {
    const path = await madeLog(TEN);
    const { code, stdout, stderr } = await runCli(['scan', path, ...MODULE, ...options]);
    expect([code, String(stdout)]).toEqual([1, '']);
    expect(stderr).toMatch(/^stratalog: .+\n$/);
    expect(stderr.trim()).toMatch(message);
  });

  it('because none is named says so', async () => {
    const { code, stderr } = await runCli(['scan', await madeLog(TEN)]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('Say what to ask: --count, ')]);
  });

  it('reduce because that is asynchronous says so', async () => {
    const path = await largeLog();
    const { code, stderr } = await runCli(['scan', path, ...MODULE, '--reduce', 'later']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^stratalog: Cannot reduce by export later .*: it is asynchronous\n$/);
  });

  it('because there is no log exits with 1', async () => {
    const result = await runCli(['scan', temporaryLogPath(), ...MODULE]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/^stratalog: .+\n$/);
  });

  it('end, because its function does not, is ended by a signal', async () => {
    const path = await madeLog(TEN);
    const child = startCli(['scan', path, ...MODULE, '--export', 'endless']);
    const ended = finished(child);
    await once(child.stderr, 'data');
    child.kill('SIGINT');
    const { code, signal, stdout, stderr } = await ended;
    expect({ code, signal, stdout: String(stdout), stderr }).toEqual({
      code: 130,
      signal: null,
      stdout: '',
      stderr: 'begun\n',
    });
  });
});

describe('scan of a damaged log', () => {
  it('exits with 2, and prints no value', async () => {
    const path = await madeLog(TEN);
    spoil(path, 4);
    const { code, stdout, stderr } = await runCli(['scan', path, ...MODULE]);
    expect([code, String(stdout)]).toEqual([2, '']);
    expect(stderr).toMatch(/^stratalog: Scan failed .*Damaged data in .*\n$/);
  });

  it.each([
    [[], 2, ''],
    [['--from', '2', '--to', 'end'], 2, ''],
    [['--until', '2999-01-01'], 2, ''],
    [['--skip-damage'], 2, ''],
    [['--to', '7'], 0, '7'],
    [['--to', '-1'], 0, '6'],
  ])('takes damage at its end for no end: %j', async (options, expected, value) => {
    const path = await logWithDamagedEnd(TEN, 7);
    const { code, stdout, stderr } = await runCli(['scan', path, ...MODULE, ...options]);
    expect([code, String(stdout).trim()]).toEqual([expected, value]);
    expect(stderr).toMatch(code === 0 ? /^$/ : /Damaged data in .*offsets 7 to 7 are affected/);
  });

  it('with --skip-damage prints the value of the rest, tells the damage, and exits with 2', async () => {
    const path = await madeLog(TEN);
    spoil(path, 4);
    const { code, stdout, stderr } = await runCli(['scan', path, ...MODULE, '--skip-damage']);
    expect([code, lines(stdout)]).toEqual([2, ['9']]);
    expect(stderr).toMatch(/^stratalog: Damaged data in .*offsets 4 to 4 are affected\n$/);
    const json = await runCli(['scan', path, ...MODULE, '--skip-damage', '--json']);
    expect(JSON.parse(String(json.stdout))).toMatchObject({
      value: 9,
      damage: [{ from: 4, to: 5, path: segmentFile(path, 0) }],
    });
  });
});
