/** `plot`: events as a picture, in a file or in the terminal. */
import { Command, InvalidArgumentError, Option } from 'commander';
import {
  chartToSvg,
  chartToText,
  plotHistogram,
  plotLines,
  plotQuantiles,
  pngRenderer,
  type Chart,
  type PlotTheme,
  type QuerySettings,
  type Reader,
  type ScanResult,
} from '../index.js';
import { collect, parseCount } from './arguments.js';
import { parseConditions } from './condition.js';
import { EXIT_CODES_HELP, InputError } from './exit-codes.js';
import { createNewFile } from './new-file.js';
import { colours } from './output.js';
import { addScanningOptions, scanning, tellDamage, type ScanningOptions } from './scanning.js';

const HELP = `
Draws fields of a log of events as lines over time, or over another field; without --y, the one number
that the events have. Events are gathered into columns of the picture with their least and largest value,
so a spike is seen however many events there are. Fields of different units get a panel each. --rate draws
how fast counters grow per second, on average in each column. --histogram and --quantiles draw how a field is distributed.

With --out the picture is a file, an SVG or a PNG by the end of its name; PNGs need the package
@resvg/resvg-js and a font. An existing file is an error without --force. Without --out it is drawn with
characters.

Examples:
  $ stratalog plot sensors --y value
  $ stratalog plot ticks --y price --by symbol --out prices.svg
  $ stratalog plot counters --y sent_bytes --rate --since 2026-01-31 --out rate.png --size 1600x500
  $ stratalog plot requests --quantiles latency_us --where 'status = 200'
  $ stratalog plot requests --histogram latency_us --log --theme dark --out latency.svg
${EXIT_CODES_HELP}`;

interface Size {
  readonly width: number;
  readonly height: number;
}

interface Options extends ScanningOptions {
  readonly y?: readonly string[];
  readonly x?: string;
  readonly by?: string;
  readonly rate?: boolean;
  readonly histogram?: string;
  readonly bins?: number;
  readonly quantiles?: readonly string[];
  readonly log?: boolean;
  readonly where?: readonly string[];
  readonly outliers?: boolean;
  readonly out?: string;
  readonly force?: boolean;
  readonly size?: Size;
  readonly theme?: PlotTheme;
  readonly title?: string;
  readonly font?: string;
  readonly ascii?: boolean;
}

/** Makes the chart, once it is told of what. */
type Plot = (log: Reader, settings: QuerySettings) => Promise<ScanResult<Chart>>;

/** Where the picture goes; found out, and made sure of, before anything is read. */
interface Output {
  /** Columns that are worth making. */
  readonly width: number;
  show(chart: Chart): Promise<void> | void;
  /** Leaves nothing behind if nothing has been shown. */
  close(): Promise<void> | void;
}

const SIZE = { width: 1200, height: 600 };
const DEFAULT_COLUMNS = 80;
const DEFAULT_ROWS = 24;
const MIN_COLUMNS = 10;
const MAX_COLUMNS = 400;
const MAX_ROWS = 40;

export function plotCommand(): Command {
  const command = new Command('plot')
    .summary('draw events as a picture')
    .description('Draws events of a log: lines over time, histograms, latency curves.')
    .argument('<log>', 'directory of the log')
    .addOption(new Option('--y <field>', 'what to draw; may be repeated').argParser(collect))
    .option('--x <field>', "over what (default: the first time, else '$offset')")
    .option('--by <field>', 'a line for each of its 12 most frequent values')
    .option('--rate', 'how fast counters grow, per second')
    .addOption(
      new Option('--histogram <field>', 'how many events have which value').conflicts([
        'y',
        'x',
        'by',
        'rate',
        'quantiles',
      ]),
    )
    .option('--bins <n>', 'bars of a histogram at most', parseCount)
    .addOption(
      new Option('--quantiles <field>', 'value by percentile; may be repeated')
        .argParser(collect)
        .conflicts(['y', 'x', 'rate', 'histogram']),
    )
    .option('--log', 'values along a logarithmic axis')
    .option(
      '--where <condition>',
      "only events that meet it, as with 'query'; all of several",
      collect,
    )
    .option('--outliers', 'also events whose x lies far away from all others');
  return addScanningOptions(command)
    .option('--out <file>', 'write a picture: FILE.svg or FILE.png')
    .option('--force', 'replace an existing file')
    .addOption(new Option('--size <size>', 'pixels, such as 1200x600').argParser(parsePixels))
    .addOption(new Option('--theme <theme>', 'colours of a file').choices(['light', 'dark']))
    .option('--title <text>', 'what stands above')
    .option('--font <file>', 'a font to write a PNG with')
    .option('--ascii', 'draw in the terminal with ASCII characters only')
    .addHelpText('after', HELP)
    .action(plot);
}

async function plot(path: string, options: Options): Promise<void> {
  checkTogether(options);
  const output = await outputOf(options);
  try {
    const ask = plotOf(options, output.width);
    const result = await scanning('plot', path, options, ask);
    if (result === undefined) return;
    await output.show(result.value);
    tellDamage(result);
  } finally {
    await output.close();
  }
}

function parsePixels(text: string): Size {
  const [, width, height] = /^(\d{1,5})x(\d{1,5})$/.exec(text) ?? [];
  const size = { width: Number(width), height: Number(height) };
  if (size.width >= 64 && size.height >= 64 && Math.max(size.width, size.height) <= 16_384) {
    return size;
  }
  throw new InvalidArgumentError(
    'Expected a size in pixels such as 1200x600, from 64x64 to 16384x16384.',
  );
}

function checkTogether({ out, histogram, bins, ...options }: Options): void {
  for (const name of ['size', 'theme', 'force', 'font'] as const) {
    if (options[name] !== undefined && out === undefined) {
      throw new InputError(`--${name} goes with --out`);
    }
  }
  if (options.ascii === true && out !== undefined) {
    throw new InputError('--ascii is for the terminal, not for --out');
  }
  if (bins !== undefined && histogram === undefined) {
    throw new InputError('--bins goes with --histogram');
  }
}

function plotOf(options: Options, width: number): Plot {
  const { y, x, by, rate, histogram, bins, quantiles, log, where = [], outliers, title } = options;
  const scale = log === true ? 'log' : undefined;
  const common = (reader: Reader) =>
    ({ where: parseConditions(where, reader), title, scale }) as const;
  if (histogram !== undefined) {
    return (reader, settings) =>
      plotHistogram(reader, { ...common(reader), field: histogram, bins }, settings);
  }
  if (quantiles !== undefined) {
    return (reader, settings) =>
      plotQuantiles(reader, { ...common(reader), field: quantiles, by }, settings);
  }
  const shown = {
    x,
    y,
    by,
    rate,
    width,
    outliers: outliers === true ? 'show' : 'leave-out',
  } as const;
  return (reader, settings) => plotLines(reader, { ...common(reader), ...shown }, settings);
}

// --- Where it goes ---

async function outputOf(options: Options): Promise<Output> {
  const { out, size = SIZE, theme, font } = options;
  if (out === undefined) return terminalOutput(options);
  const extension = /\.(svg|png)$/i.exec(out)?.[1]?.toLowerCase();
  if (extension === undefined) {
    throw new InputError(
      `Cannot tell what to write from ${out}: its name ends with neither .svg nor .png`,
    );
  }
  if (font !== undefined && extension !== 'png') throw new InputError('--font goes with a PNG');
  const renderer = extension === 'png' ? await pngRenderer({ fontFile: font }) : undefined;
  const file = await createNewFile(out, options.force === true);
  return {
    width: Math.max(2, size.width),
    async show(chart) {
      const svg = chartToSvg(chart, { ...size, theme });
      await file.write([renderer === undefined ? Buffer.from(svg) : renderer.render(svg)]);
      await file.finish();
    },
    close: () => file.close(),
  };
}

function terminalOutput({ ascii }: Options): Output {
  const columns = Math.min(
    MAX_COLUMNS,
    Math.max(MIN_COLUMNS, process.stdout.columns || DEFAULT_COLUMNS),
  );
  const rows = Math.min(MAX_ROWS, process.stdout.rows || DEFAULT_ROWS);
  return {
    width: 2 * columns,
    show: (chart) => {
      const colour = colours.isColorSupported;
      // A line is left for the prompt.
      process.stdout.write(
        chartToText(chart, { columns, rows: Math.max(4, rows - 1), ascii, colour }),
      );
    },
    close: () => {},
  };
}
