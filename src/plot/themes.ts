/** Colours of pictures. */

export type PlotTheme = 'light' | 'dark';

export interface Palette {
  readonly background: string;
  readonly ink: string;
  /** Of labels. */
  readonly muted: string;
  readonly grid: string;
  readonly axis: string;
  /** To be told apart whatever colours one sees: Okabe and Ito's, without their yellow. */
  readonly series: readonly string[];
}

export const PALETTES: Readonly<Record<PlotTheme, Palette>> = {
  light: {
    background: '#ffffff',
    ink: '#1f2328',
    muted: '#57606a',
    grid: '#e6e9ed',
    axis: '#8c959f',
    series: ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#5b5b5b'],
  },
  dark: {
    background: '#11151a',
    ink: '#e8ebef',
    muted: '#a3adb8',
    grid: '#272e37',
    axis: '#6b7682',
    series: ['#5bb8f0', '#f58b3c', '#2fc99a', '#e29ac2', '#f0c04a', '#8f9bff', '#c3c8ce'],
  },
};

/** Dashes of those series for which there is no further colour. */
const DASHES = ['', '6 3', '2 3'];

export function styleOf(
  { series }: Palette,
  number: number,
): { readonly colour: string; readonly dash: string } {
  const round = Math.floor(number / series.length) % DASHES.length;
  return { colour: series[number % series.length] ?? '', dash: DASHES[round] ?? '' };
}
