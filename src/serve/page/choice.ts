/** What the page shows: in the fragment of its address, so that a link keeps it. */

/** A stretch that has been chosen, or the newest of x that comes along. */
export type View =
  | { readonly kind: 'live'; readonly span: number }
  /** Absolute, as text: 64-bit integers do not fit a number. `undefined`: all that there is. */
  | {
      readonly kind: 'stretch';
      readonly from?: string | undefined;
      readonly to?: string | undefined;
    };

export interface Choice {
  readonly x: string;
  readonly ys: readonly string[];
  readonly by: string | undefined;
  /** How fast values grow, instead of the values. */
  readonly isRate: boolean;
  readonly view: View;
}

const NUMBER = /^-?\d{1,20}(?:\.\d{1,20})?(?:e[+-]?\d{1,3})?$/;

export function fragmentOf({ x, ys, by, isRate, view }: Choice): string {
  const words = new URLSearchParams();
  words.set('x', x);
  words.set('y', ys.join(','));
  if (by !== undefined) words.set('by', by);
  if (isRate) words.set('rate', '1');
  words.set(
    'view',
    view.kind === 'live' ? `live:${view.span}` : `${view.from ?? ''}..${view.to ?? ''}`,
  );
  return `#${words.toString().replaceAll('%2C', ',').replaceAll('%3A', ':').replaceAll('%24', '$')}`;
}

/** What a link says; whatever makes no sense is left out. */
export function choiceOf(fragment: string): Partial<Choice> {
  const words = new URLSearchParams(fragment.replace(/^#/, ''));
  const x = words.get('x') ?? undefined;
  const ys = words
    .get('y')
    ?.split(',')
    .filter((y) => y !== '');
  const view = viewOf(words.get('view') ?? '');
  return {
    ...(x === undefined ? {} : { x }),
    ...(ys === undefined || ys.length === 0 ? {} : { ys }),
    ...(view === undefined ? {} : { view }),
    by: words.get('by') ?? undefined,
    isRate: words.get('rate') === '1',
  };
}

function viewOf(text: string): View | undefined {
  const span = Number(/^live:(.+)$/.exec(text)?.[1]);
  if (span > 0 && Number.isFinite(span)) return { kind: 'live', span };
  const [, from = '', to = ''] = /^(.*)\.\.(.*)$/.exec(text) ?? [];
  if (!text.includes('..')) return undefined;
  return {
    kind: 'stretch',
    from: NUMBER.test(from) ? from : undefined,
    to: NUMBER.test(to) ? to : undefined,
  };
}

/** A place along x in full, as a link has it. */
export function absolute(origin: bigint, place: number): string {
  if (origin === 0n && !Number.isInteger(place)) return String(place);
  return String(origin + BigInt(Math.round(place)));
}

/** The other way round. */
export function relative(origin: bigint, place: string): number {
  return /^-?\d+$/.test(place) ? Number(BigInt(place) - origin) : Number(place) - Number(origin);
}
