import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { renameSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Screen, type SizedTerminal } from '../../src/cli/screen.js';
import { openAppender, openMonitor, openReader } from '../../src/index.js';
import { finished, madeLog, runCli, startCli } from '../support/cli.js';
import { thrownBy } from '../support/logs.js';
import { bytes, temporaryLogPath } from '../support/temporary-log.js';

/** A terminal with a history. */
class FakeTerminal implements SizedTerminal {
  readonly isTTY = true;
  columns: number;
  rows: number;
  readonly history: string[] = [];
  #screen: string[];
  #row = 0;
  #column = 0;
  readonly #listeners = new Set<() => void>();

  constructor(columns: number, rows = 24) {
    this.columns = columns;
    this.rows = rows;
    this.#screen = Array.from({ length: rows }, () => '');
    this.write('$ top\n');
  }

  /** Its rows, without empty ones at the end. */
  get screen(): string[] {
    return this.#screen.slice(0, this.#screen.findLastIndex((line) => line !== '') + 1);
  }

  get cursor(): [row: number, column: number] {
    return [this.#row, this.#column];
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  write(text: string): void {
    const [plain = '', ...sequences] = text.split('\u001B[');
    for (const character of plain) this.#put(character);
    for (const sequence of sequences) {
      const [control, ...rest] = sequence;
      if (control === 'H') [this.#row, this.#column] = [0, 0];
      else if (control === 'K') this.#clearRest();
      else if (control === 'J') this.#clearBelow();
      else throw new Error(`Not understood: ${control}`);
      for (const character of rest) this.#put(character);
    }
  }

  /** What terminals do to their lines and cursor then differs, so it is the worst here. */
  resize(columns: number, rows = this.rows): void {
    this.columns = columns;
    this.rows = rows;
    this.#screen = Array.from({ length: rows }, () => '#'.repeat(columns));
    [this.#row, this.#column] = [rows >> 1, columns >> 1];
    for (const listener of this.#listeners) listener();
  }

  on(_event: 'resize', listener: () => void): void {
    this.#listeners.add(listener);
  }

  off(_event: 'resize', listener: () => void): void {
    this.#listeners.delete(listener);
  }

  #put(character: string): void {
    if (character === '\n') return this.#newLine();
    const line = this.#screen[this.#row] ?? '';
    this.#screen[this.#row] =
      line.slice(0, this.#column) + character + line.slice(this.#column + 1);
    this.#column++;
    if (this.#column >= this.columns) throw new Error('The last column is touched');
  }

  #newLine(): void {
    this.#column = 0;
    if (++this.#row < this.rows) return;
    this.#row--;
    this.history.push(this.#screen.shift() ?? '');
    this.#screen.push('');
  }

  #clearRest(): void {
    this.#screen[this.#row] = (this.#screen[this.#row] ?? '').slice(0, this.#column);
  }

  #clearBelow(): void {
    this.#clearRest();
    this.#screen.fill('', this.#row + 1);
  }
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz';

describe('a screen', () => {
  it('draws over what it drew before, longer or shorter, and keeps what was there before', () => {
    const terminal = new FakeTerminal(80);
    const screen = new Screen(terminal);
    for (const lines of [['one', 'two', 'three'], ['a', '', 'c', 'd'], ['x'], ['1', '2']]) {
      screen.draw(() => lines);
      expect(terminal.screen).toEqual(lines);
      expect(terminal.cursor).toEqual([lines.length, 0]);
    }
    expect(terminal.history).toContain('$ top');
    expect(terminal.history.filter((line) => line !== '')).toHaveLength(1);
    screen.end();
    expect(terminal.listeners).toBe(0);
  });

  it.each([40, 20, 7, 2])('fits %i columns without touching the last', (columns) => {
    const terminal = new FakeTerminal(80);
    terminal.resize(columns);
    new Screen(terminal).draw(() => [ALPHABET.repeat(4), 'b']);
    expect(terminal.screen).toEqual([ALPHABET.repeat(4).slice(0, columns - 1), 'b']);
  });

  it('draws again, for its new size, when its terminal is made narrower, wider, lower or higher', () => {
    const terminal = new FakeTerminal(80);
    const screen = new Screen(terminal);
    screen.draw((columns) => [ALPHABET.repeat(2), `${columns}`, ALPHABET, '', 'end']);
    for (const [columns, rows] of [
      [20, 24],
      [11, 24],
      [60, 3],
      [6, 6],
      [80, 24],
    ] as const) {
      terminal.resize(columns, rows);
      const width = columns - 1;
      const all = [
        ALPHABET.repeat(2).slice(0, width),
        `${width}`,
        ALPHABET.slice(0, width),
        '',
        'end',
      ];
      expect(terminal.screen).toEqual(all.slice(0, rows - 1));
    }
  });

  it('lets no text move the cursor, and knows that characters may be wide', () => {
    const terminal = new FakeTerminal(10);
    terminal.resize(10);
    new Screen(terminal).draw(() => ['a\u001B[2Jb\r\n\u009Bc', '漢字漢字漢字']);
    expect(terminal.screen).toEqual(['a?[2Jb???', '漢字漢字']);
  });

  it('assumes 80 columns and 24 rows where the terminal does not say', () => {
    const terminal = new FakeTerminal(80);
    Object.assign(terminal, { columns: 0, rows: 0 });
    let written = '';
    terminal.write = (text): void => void (written += text);
    new Screen(terminal).draw((columns) => Array.from({ length: 50 }, () => 'x'.repeat(columns)));
    expect(written.match(/x+/g)).toEqual(Array.from({ length: 23 }, () => 'x'.repeat(79)));
  });
});

/** util-linux can give a program a terminal. */
const hasScript = spawnSync('script', ['-qec', 'true', '/dev/null']).status === 0;
const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

describe.skipIf(!hasScript)('top on a terminal', () => {
  it.each([
    [20, /^lag +tailer$/m],
    [40, /^lag +tailer$/m],
    [80, /^lag +next +follows +process +tailer$/m],
  ])('of %i columns redraws in place until Ctrl-C, and exits with 130', async (columns, head) => {
    const path = temporaryLogPath();
    const appender = openAppender(path, { maintenance: false });
    const reader = openReader(path);
    const tailer = reader.tailer({ name: 'follower' });
    const command = `stty cols ${columns} rows 24; exec '${process.execPath}' '${main}' top --interval 0.1 '${path}'`;
    const child = spawn('script', ['-qec', command, '/dev/null']);
    let shown = '';
    child.stdout.on('data', (chunk: Buffer) => (shown += String(chunk)));
    while (shown.split('\u001B[J').length < 4) {
      appender.append(bytes('z'));
      await Promise.race([once(child.stdout, 'data'), once(child, 'close')]);
    }
    child.stdin.write('\u0003');
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(130);
    const frames = shown.replaceAll('\r\n', '\n').replaceAll('\u001B[K', '').split('\u001B[J');
    const [first = ''] = frames.slice(1);
    expect(first.startsWith('\u001B[H')).toBe(true);
    const lines = first.slice(3).split('\n').slice(0, -1);
    expect(lines.length).toBeGreaterThan(9);
    expect(lines.every((line) => line.length < columns)).toBe(true);
    expect(first).toMatch(/^appender +process/m);
    expect(first).toMatch(/^records +[\d,]+\/s/m);
    expect(
      first
        .split('\n')
        .map((line) => line.trim())
        .join('\n'),
    ).toMatch(head);
    expect(first).toContain('follower');
    // The cursor was never hidden, and nothing else was changed that would have to be restored.
    expect(shown).not.toContain('\u001B[?');
    tailer.close();
    reader.close();
    await appender.close();
  });
});

describe('top', () => {
  it('ends quietly, with 0, when its reader has had enough', async () => {
    const child = startCli(['top', '--interval', '0.05', await madeLog(['a'])]);
    const result = finished(child);
    await once(child.stdout, 'data');
    child.stdout.destroy();
    expect(await result).toMatchObject({ code: 0, signal: null, stderr: '' });
  });

  it('shows a log that nobody appends to', async () => {
    const { code, stdout } = await runCli([
      'top',
      '--samples',
      '1',
      '--interval',
      '0.05',
      await madeLog(['a']),
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(String(stdout))).toMatchObject({ writer: 'closed', committedOffset: 1 });
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'is ended by %s with 128 + its number',
    async (signal) => {
      const child = startCli(['top', '--interval', '0.05', await madeLog(['a'])]);
      const result = finished(child);
      await once(child.stdout, 'data');
      child.kill(signal);
      expect(await result).toMatchObject({ code: signal === 'SIGINT' ? 130 : 143, stderr: '' });
    },
  );

  it('says so when the log is removed, and exits with 1', async () => {
    const path = await madeLog(['a']);
    const child = startCli(['top', '--interval', '0.05', path]);
    const result = finished(child);
    await once(child.stdout, 'data');
    rmSync(path, { recursive: true });
    expect(await result).toMatchObject({
      code: 1,
      stderr: `stratalog: Cannot sample ${path}: the log is not there any more\n`,
    });
  });
});

it('a monitor does not take another log at its path for its own', async () => {
  const path = await madeLog(['a']);
  const monitor = openMonitor(path);
  expect(monitor.sample()).toMatchObject({ committedOffset: 1 });
  renameSync(path, `${path}-away`);
  expect(thrownBy(() => monitor.sample())).toMatchObject({ code: 'NOT_A_LOG' });
  await openAppender(path).close();
  expect(thrownBy(() => monitor.sample())).toMatchObject({ code: 'NOT_A_LOG' });
  monitor.close();
});
