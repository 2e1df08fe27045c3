import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ProgressLine } from '../../src/cli/progress.js';
import { verifyLog } from '../../src/index.js';
import { finished, runCli, startCli } from '../support/cli.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const VERBS = [
  'append',
  'cat',
  'tail',
  'info',
  'top',
  'scan',
  'plot',
  'verify',
  'repair',
  'bench',
  'demo',
];

describe('--help', () => {
  it.each([...VERBS, 'generate', 'capture', 'query', 'stats'])(
    'of %s gives examples and exit codes',
    async (verb) => {
      const { code, stdout } = await runCli([verb, '--help']);
      expect(code).toBe(0);
      expect(String(stdout)).toContain('Examples:');
      expect(String(stdout)).toContain('Exit codes:');
      expect(String(stdout)).toContain(`stratalog ${verb}`);
      // Each default once, as somebody would type it.
      expect(String(stdout)).not.toMatch(/default[^()]*\)\s+\(default|default: null/);
    },
  );

  it('of the program names every verb', async () => {
    const { stdout } = await runCli(['--help']);
    for (const verb of [...VERBS, 'generate', 'capture'])
      expect(String(stdout)).toMatch(new RegExp(`^  ${verb}\\b`, 'm'));
  });
});

describe('wrong use', () => {
  it.each([
    ['an unknown verb', ['frobnicate']],
    ['an unknown option', ['info', '--colour', 'x']],
    ['a log that is not named', ['cat']],
    ['one argument too many', ['info', 'a', 'b']],
    ['a size without a number', ['append', '--segment-size', 'big', 'x']],
    ['a size of half a byte', ['append', '--segment-size', '0.0001K', 'x']],
    ['a segment size out of range', ['append', '--segment-size', '1K', 'x']],
    ['a segment size off the page', ['append', '--segment-size', '70001', 'x']],
    ['a commit of nothing', ['append', '--commit', '0', 'x']],
    ['a commit beyond a frame', ['append', '--commit', '2M', 'x']],
    ['a flush schedule that is none', ['append', '--flush', 'sometimes', 'x']],
    ['a header that is not there', ['append', '--header', 'nowhere.bin', 'x']],
    ['an unknown framing', ['append', '--framing', 'morse', 'x']],
    ['an offset with a fraction', ['cat', '--from', '1.5', 'x']],
    ['an offset past 2^53', ['cat', '--from', '9007199254740993', 'x']],
    ['a day that does not exist', ['cat', '--since', '2026-02-30', 'x']],
    ['an hour that does not exist', ['cat', '--since', '2026-02-03T25:00:00Z', 'x']],
    ['a time in words', ['cat', '--until', 'yesterday', 'x']],
    ['a negative limit', ['cat', '--limit', '-1', 'x']],
    ['framing of text', ['cat', '--framing', 'length', '--format', 'text', 'x']],
    ['two formats at once', ['cat', '--json', '--format', 'hex', 'x']],
    ['offsets in raw bytes', ['cat', '--format', 'raw', '--offsets', 'x']],
    ['a number of lines that is none', ['tail', '-n', '-1', 'x']],
    ['a time to tail from in words', ['tail', '--since', 'today', 'x']],
    ['no time between samples', ['top', '--interval', '0', 'x']],
    ['a scan by nothing', ['scan', 'x']],
    ['no threads to verify with', ['verify', '--workers', '0', 'x']],
    ['no time for a demo', ['demo', '--seconds', '0', 'x']],
  ])('such as %s exits with 1, one line, and no log', async (_, args) => {
    const path = temporaryLogPath();
    const result = await runCli(args.map((argument) => (argument === 'x' ? path : argument)));
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/^stratalog: .+\n$/);
    expect(result.stdout).toHaveLength(0);
    expect(existsSync(path)).toBe(false);
  });

  it('without any verb prints the help and exits with 1', async () => {
    const result = await runCli([]);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('Usage: stratalog');
  });
});

describe('what is not a log', () => {
  it.each(['cat', 'tail', 'info', 'top', 'verify', 'repair'])(
    '%s refuses a missing one with 1',
    async (verb) => {
      const path = temporaryLogPath();
      const result = await runCli([verb, path]);
      expect(result.code).toBe(1);
      expect(result.stderr).toMatch(/^stratalog: .+\n$/);
      expect(existsSync(path)).toBe(false);
    },
  );

  it.each(VERBS.filter((verb) => verb !== 'bench'))(
    '%s refuses a folder of other things with 1, and leaves it alone',
    async (verb) => {
      const path = temporaryLogPath();
      mkdirSync(path);
      writeFileSync(join(path, 'letter.txt'), 'dear reader');
      const result = await runCli([verb, path], 'x\n');
      expect(result.code).toBe(1);
      expect(result.stderr).toMatch(/^stratalog: .+\n$/);
      expect(readdirSync(path)).toEqual(['letter.txt']);
    },
  );

  it('append --no-create refuses to make a log', async () => {
    const path = temporaryLogPath();
    const result = await runCli(['append', '--no-create', path], 'x\n');
    expect(result).toMatchObject({ code: 1 });
    expect(existsSync(path)).toBe(false);
  });
});

describe('storage', () => {
  it('that refuses a log exits with 4, naming action, path and reason', async () => {
    const file = temporaryLogPath();
    writeFileSync(file, 'not a folder');
    const result = await runCli(['append', join(file, 'log')], 'x\n');
    expect(result.code).toBe(4);
    // What a path through a file is to Node, an error or an absence, has changed with version 26.
    expect(result.stderr).toMatch(/^stratalog: Cannot (look at|create) .+: ENOTDIR .+\n$/);
  });
});

describe('demo', () => {
  const picture = (stdout: Buffer): string =>
    /^plot +(\S+\.svg), /m.exec(String(stdout))?.[1] ?? '';

  it('captures, follows, scans, queries, verifies and draws, and leaves the picture', async () => {
    const { code, stdout, stderr } = await runCli(['demo', '--seconds', '1']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const steps = String(stdout).match(/^(?:capture|tail|scan|query|verify|plot) /gm) ?? [];
    expect(steps.map((step) => step.trim())).toEqual([
      'capture',
      'tail',
      'tail',
      'scan',
      'query',
      'verify',
      'plot',
    ]);
    expect(String(stdout)).toContain('every checksum and every event is sound');
    const file = picture(stdout);
    expect(readFileSync(file, 'utf8')).toContain('<svg');
    expect(readdirSync(dirname(file))).toEqual([basename(file)]);
    rmSync(dirname(file), { recursive: true });
  });

  it('keeps a log that was named, and goes on with it when run again', async () => {
    const path = temporaryLogPath();
    for (const times of [1, 2]) {
      const before = times === 1 ? 0 : verifyLog(path).records;
      const { code, stdout } = await runCli(['demo', '--seconds', '0.5', path]);
      expect(code).toBe(0);
      expect(verifyLog(path).records).toBeGreaterThan(before);
      rmSync(dirname(picture(stdout)), { recursive: true });
    }
  });

  it('that is interrupted leaves nothing', async () => {
    const child = startCli(['demo', '--seconds', '60']);
    const ended = finished(child);
    await once(child.stdout, 'data');
    child.kill('SIGINT');
    const { code, stdout } = await ended;
    expect(code).toBe(130);
    const log = /^ +(\/\S+)$/m.exec(String(stdout))?.[1] ?? '';
    expect(existsSync(dirname(log))).toBe(false);
  });

  it('says what is wrong with a log that is none', async () => {
    const file = temporaryLogPath();
    writeFileSync(file, 'not a folder');
    const { code, stderr } = await runCli(['demo', '--seconds', '1', file]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^stratalog: Cannot open .*it is no folder/);
  });
});

describe('bench', () => {
  it('measures, prints JSON, and leaves nothing behind', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'stratalog-'));
    const { code, stdout } = await runCli(['bench', '--json', '--size', '1M', folder]);
    expect(code).toBe(0);
    const report = JSON.parse(String(stdout)) as { results: { name: string; records: number }[] };
    expect(report.results.map(({ name }) => name)).toEqual([
      'append',
      'scan, verified',
      'scan, unverified',
      'get at random',
    ]);
    for (const { records } of report.results) expect(records).toBe(14_563);
    expect(readdirSync(folder)).toEqual([]);
    rmSync(folder, { recursive: true });
  });
});

describe('the progress line', () => {
  function drawn(columns: number | undefined): string {
    let output = '';
    const write = (text: string): void => void (output += text);
    const progress = new ProgressLine({
      isTTY: true,
      ...(columns === undefined ? {} : { columns }),
      write,
    });
    progress.update(() => progress.bar('verify', 0.5));
    progress.end();
    return output;
  }
  const shown = (columns?: number): string =>
    drawn(columns).split('\u001B[K')[1]?.replace('\r', '') ?? '';

  it('fits a terminal of 20 columns without touching the last', () => {
    expect(shown(20)).toBe('verify [###...] 50%');
    expect(shown(20)).toHaveLength(19);
  });

  it('is never wider than its terminal, however narrow', () => {
    for (let columns = 1; columns < 60; columns++) {
      expect(shown(columns).length).toBeLessThan(columns);
    }
  });

  it('assumes 80 columns where the terminal does not say', () => {
    expect(shown(0)).toBe(shown(80));
    expect(shown()).toBe(shown(80));
  });

  it('is cleared at the end', () => {
    expect(drawn(20).endsWith('\r\u001B[K')).toBe(true);
  });

  it('writes nothing where there is no terminal', () => {
    const write = (): never => expect.unreachable();
    const progress = new ProgressLine({ isTTY: false, write });
    progress.update(() => 'nobody sees this');
    progress.end();
  });
});
