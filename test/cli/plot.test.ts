import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { finished, madeLog, runCli, startCli, type CliResult } from '../support/cli.js';
import { fixture } from '../support/dying.js';
import { flipBit, segmentFile } from '../support/log-damage.js';
import { decodePng, logOfEvents, repeated, xmlElements } from '../support/plotted.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const FIELDS = ['time_ms long', 'value double', 'sensor string', 'sent_bytes ulong'];

function sensors(count = 2000): Promise<string> {
  return logOfEvents(
    FIELDS,
    repeated(count, (i) => ({
      time_ms: 1_790_000_000_000 + i * 100,
      value: i === 777 ? 50 : Math.sin(i / 100),
      sensor: `s${i % 3}`,
      sent_bytes: i * 1000,
    })),
  );
}

/** A name in a folder of its own, which is deleted in the end. */
function outFile(name: string): string {
  const folder = dirname(temporaryLogPath());
  return join(folder, name);
}

function textOf({ stdout }: CliResult): string {
  return stdout.toString();
}

describe('plot', () => {
  it('draws in the terminal without --out', async () => {
    const result = await runCli(['plot', await sensors(), '--y', 'value']);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    const text = textOf(result);
    expect(text).toMatch(/^value\n/);
    expect(text).toMatch(/[⠁-⣿]{3}/);
    expect(text).toContain('time_ms, 2026-09-21, UTC');
    expect(text).not.toContain('\u001B');
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('takes the one number there is, and several if they are named', async () => {
    const log = await logOfEvents(['time_ms long', 'value int'], [{ time_ms: 5, value: 3 }]);
    expect(textOf(await runCli(['plot', log]))).toMatch(/^value\n/);
    const both = await runCli(['plot', await sensors(), '--y', 'value', '--y', 'sent_bytes']);
    expect(textOf(both)).toMatch(/^value, sent_bytes\nvalue\n[^]*\nsent_bytes\n/);
  });

  it.each([
    [
      ['--y', 'value', '--by', 'sensor', '--title', 'Three'],
      /^Three\n\* s0 {2}\+ s1 {2}x s2\nvalue\n/,
    ],
    [['--y', 'sent_bytes', '--rate'], /^rate of sent_bytes\nsent_bytes per second\n[^]*kB\/s/],
    [['--y', 'value', '--x', '$offset', '--from', '10', '--to', '20'], /\$offset/],
    [['--y', 'value', '--x', 'sent_bytes'], /MB[^]*sent_bytes/],
    [['--histogram', 'value', '--bins', '10'], /^distribution of value\nevents\n/],
    [['--quantiles', 'value', '--quantiles', 'sent_bytes'], /99%[^]*within 1 %/],
    [['--y', 'value', '--ascii', '--log'], /^[ -~\n]*$/],
    [['--y', 'value', '--where', '{"field":"sensor","op":"=","value":"none"}'], /no events/],
    [['--y', 'value', '--where', 'sensor = none'], /no events/],
    [['--y', 'value', '--since', '2999-01-01'], /no events/],
    [['--y', 'value', '--from', '9', '--to', '9', '--flushed', '--workers', '1'], /no events/],
  ])('draws %j', async (options, expected) => {
    const result = await runCli(['plot', await sensors(), ...options]);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(textOf(result)).toMatch(expected);
  });

  it('draws axes for an empty log', async () => {
    const result = await runCli(['plot', await logOfEvents(FIELDS, []), '--y', 'value']);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(textOf(result)).toContain('no events');
  });

  it('fits into a terminal of 20 columns, and colours it', async () => {
    const log = await sensors();
    const result = await inTerminal(20, ['plot', log, '--y', 'value', '--by', 'sensor']);
    expect(result.code).toBe(0);
    const text = textOf(result);
    expect(text).toContain('\u001B[34m');
    // Behind the progress bar, which is drawn over.
    const drawn = text.slice(text.lastIndexOf('\u001B[K') + 3);
    const lines = stripVTControlCharacters(drawn).replaceAll('\r', '').split('\n');
    expect(lines.length).toBeGreaterThan(8);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(20);
  });

  it('ends quietly when whoever reads has had enough', async () => {
    const child = startCli(['plot', await sensors(), '--y', 'value']);
    child.stdout.destroy();
    expect(await finished(child)).toMatchObject({ code: 0, stderr: '' });
  });
});

/** With standard output and error on a terminal of so many columns. */
function inTerminal(columns: number, args: readonly string[]): Promise<CliResult> {
  const command = [process.execPath, main, ...args].map((each) => `'${each}'`).join(' ');
  const { NO_COLOR: _none, ...env } = process.env;
  const child = spawn('script', ['-qec', `stty cols ${columns} rows 24; ${command}`, '/dev/null'], {
    env: { ...env, TERM: 'xterm-256color' },
  });
  child.stdin.end();
  return finished(child);
}

describe('plot --out', () => {
  it('writes an SVG of that size, theme and title, and nothing else', async () => {
    const out = outFile('picture.svg');
    const options = ['--size', '640x320', '--theme', 'dark', '--title', 'A <title>'];
    const result = await runCli([
      'plot',
      await sensors(),
      '--y',
      'value',
      '--out',
      out,
      ...options,
    ]);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toHaveLength(0);
    const [root, title] = xmlElements(readFileSync(out, 'utf8'));
    expect(root?.attributes).toMatchObject({ width: '640', height: '320' });
    expect(title?.text).toBe('A <title>');
    expect(readdirSync(dirname(out))).toEqual([basename(out)]);
  });

  it('writes a PNG of that size', async () => {
    const out = outFile('picture.PNG');
    const args = [
      'plot',
      await sensors(),
      '--histogram',
      'value',
      '--out',
      out,
      '--size',
      '300x200',
    ];
    expect(await runCli(args)).toMatchObject({ code: 0, stderr: '' });
    const { width, height, rgba } = decodePng(readFileSync(out));
    expect([width, height]).toEqual([300, 200]);
    expect(new Set(rgba).size).toBeGreaterThan(20);
  });

  it('leaves an existing file alone, unless told otherwise', async () => {
    const out = outFile('picture.svg');
    writeFileSync(out, 'mine');
    const args = ['plot', await sensors(), '--y', 'value', '--out', out];
    expect(await runCli(args)).toMatchObject({
      code: 1,
      stderr: `stratalog: Cannot write ${out}: it exists; --force replaces it\n`,
    });
    expect(readFileSync(out, 'utf8')).toBe('mine');
    expect(await runCli([...args, '--force'])).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(out, 'utf8')).toContain('<svg');
    expect(readdirSync(dirname(out))).toEqual(['picture.svg']);
  });

  it('refuses where it cannot write, before it reads anything', async () => {
    // What is no log of events would be the next thing to be told.
    const log = await madeLog(['no event']);
    const folder = outFile('there-is-none');
    const missing = await runCli(['plot', log, '--out', join(folder, 'x.svg')]);
    expect(missing).toMatchObject({
      code: 1,
      stderr: `stratalog: Cannot write ${join(folder, 'x.svg')}: there is no such folder\n`,
    });
    mkdirSync(folder);
    const named = await runCli(['plot', log, '--out', join(folder, 'x.jpeg')]);
    expect(named.stderr).toMatch(/its name ends with neither \.svg nor \.png\n$/);
    expect([named.code, readdirSync(folder)]).toEqual([1, []]);
  });

  it('leaves nothing behind when the plot fails', async () => {
    const out = outFile('picture.svg');
    const result = await runCli(['plot', await sensors(), '--y', 'vlaue', '--out', out]);
    expect(result).toMatchObject({
      code: 1,
      stderr:
        'stratalog: Cannot find field vlaue: plot.Event has no vlaue, but value, time_ms, sensor, sent_bytes\n',
    });
    expect(readdirSync(dirname(out))).toEqual([]);
  });

  it.each([
    [
      'without the package',
      /Cannot make a PNG without the package .*: run 'npm install @resvg\/resvg-js', or make an SVG\n$/,
    ],
    ['without fonts', /Cannot label a PNG: this machine has no fonts; install one .*\n$/],
  ])('says what to do %s', async (what, message) => {
    const out = outFile('picture.png');
    // Newer versions of Node have another name for what the fixture does.
    const loader = [
      '--no-deprecation',
      '--import',
      pathToFileURL(fixture('without-renderer.mjs')).href,
    ];
    const args = [...loader, main, 'plot', await sensors(10), '--y', 'value', '--out', out];
    const env = { ...process.env, STRATALOG_TEST_RENDERER: what, NO_COLOR: '1' };
    const child = spawn(process.execPath, args, { env });
    child.stdin.end();
    const { code, stderr } = await finished(child);
    expect(stderr).toMatch(message);
    expect([code, existsSync(out)]).toEqual([1, false]);
  });
});

describe('plot is refused', () => {
  it.each([
    [
      ['--y', 'sensor'],
      /Cannot plot sensor: it is a string, not a number; numbers are time_ms, value, sent_bytes\n/,
    ],
    [[], /Cannot choose which number of plot\.Event to plot: it has value, sent_bytes\n/],
    [['--y', 'value', '--where', '{"field":"no","op":"=","value":1}'], /Cannot find field no/],
    [['--y', 'value', '--where', 'value >'], /Cannot understand the condition/],
    [['--y', 'value', '--where', '{"field":'], /Cannot read the condition as JSON/],
    [['--y', 'value', '--where', 'no = 1'], /Cannot find field no/],
    [['--y', 'value', '--size', '1200'], /Expected a size in pixels such as 1200x600/],
    [['--y', 'value', '--size', '20x20'], /Expected a size/],
    [['--y', 'value', '--theme', 'dark'], /--theme goes with --out/],
    [['--y', 'value', '--force'], /--force goes with --out/],
    [['--y', 'value', '--bins', '5'], /--bins goes with --histogram/],
    [['--y', 'value', '--histogram', 'value'], /cannot be used with/],
    [['--y', 'value', '--out', 'x.svg', '--ascii'], /--ascii is for the terminal/],
    [['--y', 'value', '--out', 'x.svg', '--font', 'x'], /--font goes with a PNG/],
    [
      ['--y', 'value', '--out', 'x.png', '--font', 'nowhere.ttf'],
      /Cannot write with nowhere\.ttf: there is no such file/,
    ],
    [['--y', 'value', '--rate', '--x', '$offset'], /Cannot plot a rate over \$offset/],
    [['--y', 'value', '--from', '99999'], /Offset 99999/],
  ])('with %j', async (options, message) => {
    const result = await runCli(['plot', await sensors(10), ...options]);
    expect(result.stderr).toMatch(message);
    expect(result.stderr).toMatch(/^stratalog: .+\n$/);
    expect([result.code, result.stdout.length]).toEqual([1, 0]);
  });

  it('for what is no log, and no log of events', async () => {
    expect(await runCli(['plot', temporaryLogPath()])).toMatchObject({ code: 1 });
    const result = await runCli(['plot', await madeLog(['x']), '--y', 'value']);
    expect([result.code, result.stderr]).toEqual([1, expect.stringMatching(/schema/)]);
  });

  it('for damage, with 2, unless it may be stepped over', async () => {
    const log = temporaryLogPath();
    const made = await sensors(20_000);
    cpSync(made, log, { recursive: true });
    flipBit(segmentFile(log, 0), 300_000, 3);
    const refused = await runCli(['plot', log, '--y', 'value']);
    expect([refused.code, refused.stdout.length]).toEqual([2, 0]);
    const skipped = await runCli(['plot', log, '--y', 'value', '--skip-damage']);
    expect(skipped.code).toBe(2);
    expect(skipped.stderr).toMatch(/^stratalog: Damaged data/);
    expect(textOf(skipped)).toMatch(/[⠁-⣿]{3}/);
  });
});
