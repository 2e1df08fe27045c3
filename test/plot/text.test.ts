/** Charts in characters. Golden ones: look at them before you believe a new one. */
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { chartToText, type BarSeries, type Chart, type LineSeries } from '../../src/index.js';

function line(name: string, colour: number, values: readonly (number | null)[]): LineSeries {
  const x = values.map((value, i) => (value === null ? null : i));
  const all = { min: values, max: values, first: values, last: values, mean: values };
  return { kind: 'line', name, colour, isDense: false, x, ...all };
}

function chartOf(series: Chart['panels'][number]['series'], change: Partial<Chart> = {}): Chart {
  const x = { label: 'time_s', scale: 'time', origin: 0, from: 0, to: 60, unitNs: 1e9 } as const;
  const y = { label: 'value', scale: 'linear', origin: 0, from: -1, to: 1 } as const;
  return { title: 'A sine', x, panels: [{ y, series }], notes: ['a note'], ...change };
}

const SINE = Array.from({ length: 61 }, (_, i) => Math.sin(i / 6));
const COSINE = Array.from({ length: 61 }, (_, i) => Math.cos(i / 6));

describe('a chart in characters', () => {
  it('has dots, axes and labels', () => {
    const chart = chartOf([line('sine', 0, SINE)]);
    expect(`\n${chartToText(chart, { columns: 60, rows: 14 })}`).toMatchInlineSnapshot(`
      "
      A sine
      value
       1 ┤     ⢀⠔⠉⠉⠉⠢⢄⡀                           ⢠⠒⠉⠉⠉⠒⠤⡀
         │   ⢀⠔⠁      ⠈⠢⡀                       ⢀⠔⠁      ⠑⢢
         │  ⢠⠊          ⠈⢆                     ⡰⠁          ⠑⢄
         │ ⡰⠁            ⠈⢆                  ⢀⠜             ⠈⢢
       0 ┤⠜                ⠣⡀               ⢠⠊                ⢣
         │                  ⠑⡄             ⡠⠃                  ⠣⡀
         │                   ⠈⠢⡀          ⡔⠁                    ⠈⢆
         │                     ⠑⡄       ⡠⠊
      −1 ┤                      ⠈⠑⢄⣀⣀⡠⠔⠉
         └┬─────────────┬─────────────┬────────────┬─────────────┬
         00:00:00   00:00:15      00:00:30     00:00:45   00:01:00
          time_s, 1970-01-01, UTC
      a note
      "
    `);
  });

  it('has marks for several lines without colours', () => {
    const chart = chartOf([line('sine', 0, SINE), line('cosine', 1, COSINE)]);
    expect(`\n${chartToText(chart, { columns: 50, rows: 14 })}`).toMatchInlineSnapshot(`
      "
      A sine
      * sine  + cosine
      value
       1 ┤+++  *****                +++++  ******
         │   ++*    **            +++    ++     **
         │  *  +      **         +      ** ++     **
         │ *    ++      *       ++     *     +     **
       0 ┤*       +     **    ++     **       +      **
         │         ++     ** ++     *          ++     **
         │           +     ++*    ***           +++    +
      −1 ┤            ++++++  ****                 ++++
         └┬──────────────────────┬─────────────────────┬
         00:00:00            00:00:30           00:01:00
          time_s, 1970-01-01, UTC
      a note
      "
    `);
  });

  it('fits into 20 columns', () => {
    const chart = chartOf([line('sine', 0, SINE), line('a name that is too long', 1, COSINE)]);
    expect(`\n${chartToText(chart, { columns: 20, rows: 12 })}`).toMatchInlineSnapshot(`
      "
      A sine
      * sine
      + a name that is to…
      value
       1 ┤++**     +++**
         │ ++ *   + *+ **
       0 ┤* ++ * + ** + **
         │   ++*++**  ++ *
      −1 ┤    +++**    +++
         └┬──────────────┬
         Jan 1       00:01
      time_s, 1970, UTC
      a note
      "
    `);
  });

  it('is of ASCII alone, if asked for', () => {
    const chart = chartOf([line('sine', 0, SINE)]);
    const text = chartToText(chart, { columns: 40, rows: 12, ascii: true });
    expect(text).toMatch(/^[ -~\n]*$/);
    expect(`\n${text}`).toMatchInlineSnapshot(`
      "
      A sine
      value
       1 +    ****                  ****
         |  **    **              **    **
         | **      **            *        *
       0 +**         *          *          *
         |            *       **            *
         |             **    **              *
      -1 +               ****
         ++-----------------+----------------+
         00:00:00       00:00:30      00:01:00
          time_s, 1970-01-01, UTC
      a note
      "
    `);
  });

  it('has bars, and panels of their own', () => {
    const bars: BarSeries = {
      kind: 'bars',
      name: 'events',
      colour: 0,
      from: [0, 10, 20, 30],
      to: [10, 20, 30, 60],
      height: [1, 0.5, 0, 0.25],
    };
    const y = { label: 'events', scale: 'linear', origin: 0, from: 0, to: 1 } as const;
    const [panel] = chartOf([line('sine', 0, SINE)]).panels;
    const chart = chartOf([], { panels: [{ y, series: [bars] }, ...(panel ? [panel] : [])] });
    expect(`\n${chartToText(chart, { columns: 40, rows: 20 })}`).toMatchInlineSnapshot(`
      "
      A sine
      events
       1 ┤⣿⣿⣿⣿⣿⣿
         │⣿⣿⣿⣿⣿⣿
         │⣿⣿⣿⣿⣿⣿⣤⣤⣤⣤⣤⣤
         │⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿      ⣤⣤⣤⣤⣤⣤⣤⣤⣤⣤⣤⣤⣤⣤⣤⣤⣤⣤
       0 ┤⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿      ⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿
      value
       1 ┤   ⡤⠊⠉⠉⠢⣀                ⡠⠒⠉⠉⠑⢄⡀
         │ ⡔⠊      ⠑⡄            ⡠⠒⠁     ⠈⢆
       0 ┤⠜         ⠈⢆⡀         ⡰⠁         ⠣⡀
         │            ⠘⢄      ⡠⠊            ⠈⢢
      −1 ┤             ⠈⠢⠤⣀⣀⡠⠊
         └┬─────────────────┬────────────────┬
         00:00:00       00:00:30      00:01:00
          time_s, 1970-01-01, UTC
      a note
      "
    `);
  });

  it('shows an interruption, and a spike', () => {
    const values = Array.from({ length: 61 }, (_, i) =>
      i === 40 ? 1 : i > 20 && i < 30 ? null : 0,
    );
    const text = chartToText(chartOf([line('spike', 0, values)]), { columns: 40, rows: 10 });
    expect(`\n${text}`).toMatchInlineSnapshot(`
      "
      A sine
      value
       1 ┤                       ⢸⡀
         │                       ⡜⡇
       0 ┤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠄     ⠤⠤⠤⠤⠤⠇⠸⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤
         │
      −1 ┤
         └┬─────────────────┬────────────────┬
         00:00:00       00:00:30      00:01:00
          time_s, 1970-01-01, UTC
      a note
      "
    `);
  });

  it('has colours around what is drawn, and nothing else, if asked for', () => {
    const chart = chartOf([line('sine', 0, SINE), line('cosine', 1, COSINE)]);
    const plain = chartToText(chart, { columns: 50, rows: 14, colour: true });
    expect(plain).toContain('\u001B[34m');
    const lines = stripVTControlCharacters(plain).split('\n');
    expect(lines.join('')).toMatch(/[⠁-⣿]{3}/);
    for (const each of lines) expect(each.length).toBeLessThanOrEqual(50);
  });

  it('lets nobody else move the cursor, and breaks no line', () => {
    const hostile = 'a\u001B[2Jb\nc\u0007\u009B';
    const named = [line(hostile, 0, SINE), line(hostile, 1, COSINE)];
    const [panel] = chartOf(named).panels;
    const y = { ...panel?.y, label: hostile };
    const chart = chartOf(named, {
      title: hostile,
      notes: [hostile],
      panels: [{ ...panel, y }],
    } as Partial<Chart>);
    const text = chartToText(
      { ...chart, x: { ...chart.x, label: hostile } },
      { columns: 40, rows: 12 },
    );
    const isControl = (each: string): boolean => each < ' ' || (each > '~' && each < '\u00A0');
    expect(Array.from(text).filter((each) => isControl(each) && each !== '\n')).toEqual([]);
    expect(text.split('\n')[0]).toBe('a?[2Jb?c??');
  });

  it.each([10, 11, 20, 33, 80, 200])('has no line longer than %d columns', (columns) => {
    const wide = line('漢字 and a name that is longer than most', 1, COSINE);
    for (const ascii of [false, true]) {
      for (const series of [[], [line('sine', 0, SINE)], [line('sine', 0, SINE), wide]]) {
        const chart = chartOf(series, { title: '漢字'.repeat(30) });
        for (const each of chartToText(chart, { columns, rows: 10, ascii }).split('\n')) {
          expect(widthOf(each)).toBeLessThanOrEqual(columns);
        }
      }
    }
  });

  it.each([[{ columns: 9 }], [{ rows: 0 }], [{ columns: NaN }]])('is refused as %j', (options) => {
    expect(() => chartToText(chartOf([]), options)).toThrow(RangeError);
  });
});

function widthOf(text: string): number {
  return Array.from(text).reduce((sum, each) => sum + (each >= '\u3000' ? 2 : 1), 0);
}
