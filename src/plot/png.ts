/** Pictures of pixels, by an optional package. */
import { existsSync } from 'node:fs';
import type { Resvg, ResvgRenderOptions } from '@resvg/resvg-js';
import { LogError } from '../errors.js';
import type { Chart } from './chart.js';
import { chartToSvg, type SvgOptions } from './svg.js';

export interface PngRendererOptions {
  /** A TrueType or OpenType font to write with, where the machine has none, or another one. */
  readonly fontFile?: string | undefined;
}

export interface PngOptions extends SvgOptions, PngRendererOptions {}

/** Makes PNG files of SVG files. */
export interface PngRenderer {
  /** As many pixels as the SVG says. */
  render(svg: string): Uint8Array;
}

const PACKAGE = '@resvg/resvg-js';
/** Sans-serif ones, the better first. */
const FAMILIES = [
  'Helvetica Neue',
  'Arial',
  'Liberation Sans',
  'Noto Sans',
  'DejaVu Sans',
  'Open Sans',
  'Roboto',
  'Segoe UI',
  'Ubuntu',
  'Cantarell',
];

type Fonts = NonNullable<ResvgRenderOptions['font']>;

/**
 * Finds out whether pictures can be made: whether the package that makes them is installed, and there is a
 * font to label them with.
 * @throws {LogError} `UNSUPPORTED_PLATFORM`: the package, or a font, is missing; the message says what to do
 * @throws {RangeError} `fontFile` is not there, or is no font
 */
export async function pngRenderer({ fontFile }: PngRendererOptions = {}): Promise<PngRenderer> {
  const Renderer = await loadPackage();
  const fonts = fontsOf(fontFile);
  const outlines = outlinesOf(Renderer, fonts);
  const [other] = outlines;
  if (other === undefined) throw noFont(fontFile);
  const family = FAMILIES.find((_, i) => outlines[i + 1] !== other);
  const font = family === undefined ? fonts : { ...fonts, defaultFontFamily: family };
  return { render: (svg) => new Uint8Array(new Renderer(svg, { font }).render().asPng()) };
}

/**
 * A letter in a font that there is not, and in each of the families. The renderer draws a missing one in
 * any font that it comes across first, which may be a serif, and does not say so; so what looks like the
 * first letter is missing. None at all: there are no fonts.
 */
function outlinesOf(Renderer: typeof Resvg, font: Fonts): string[] {
  const letters = ['no such font', ...FAMILIES].map(
    (family) => `<text y="15" font-family="${family}">M</text>`,
  );
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20">${letters.join('')}</svg>`;
  const drawn = new Renderer(svg, { font }).toString();
  return [...drawn.matchAll(/ d="([^"]+)"/g)].map(([, outline = '']) => outline);
}

/**
 * Draws a chart as a PNG file: what `chartToSvg` draws, in pixels. Needs the package `@resvg/resvg-js`
 * (`npm install @resvg/resvg-js`) and a font, of the machine's or `fontFile`. Which pixels a letter has
 * depends on the font.
 * @throws as `chartToSvg` and `pngRenderer`
 */
export async function chartToPng(chart: Chart, options: PngOptions = {}): Promise<Uint8Array> {
  const svg = chartToSvg(chart, options);
  const renderer = await pngRenderer(options);
  return renderer.render(svg);
}

async function loadPackage(): Promise<typeof Resvg> {
  try {
    return (await import('@resvg/resvg-js')).Resvg;
  } catch (error) {
    throw new LogError(
      'UNSUPPORTED_PLATFORM',
      `Cannot make a PNG without the package ${PACKAGE}: run 'npm install ${PACKAGE}', or make an SVG`,
      { cause: error },
    );
  }
}

function fontsOf(fontFile: string | undefined): Fonts {
  if (fontFile === undefined) return { loadSystemFonts: true };
  if (!existsSync(fontFile)) {
    throw new RangeError(`Cannot write with ${fontFile}: there is no such file`);
  }
  return { loadSystemFonts: false, fontFiles: [fontFile] };
}

function noFont(fontFile: string | undefined): Error {
  if (fontFile !== undefined) {
    return new RangeError(`Cannot write with ${fontFile}: it is no font that can be read`);
  }
  return new LogError(
    'UNSUPPORTED_PLATFORM',
    'Cannot label a PNG: this machine has no fonts; install one (such as the package fonts-dejavu-core), name a font file, or make an SVG',
  );
}
