/** A course of numbers in one line of characters. */

const BLOCKS = '▁▂▃▄▅▆▇█';
const ASCII = '_.:-=+*#';

/** From the least of the values to the largest; nothing where there is no value. */
export function sparkline(
  values: readonly (number | null)[],
  { ascii }: { readonly ascii: boolean },
): string {
  const levels = ascii ? ASCII : BLOCKS;
  const finite = values.filter((value) => value !== null && Number.isFinite(value)) as number[];
  const least = Math.min(...finite);
  // By halves: their difference may be more than a number holds.
  const range = Math.max(...finite) / 2 - least / 2;
  const top = levels.length - 1;
  return values
    .map((value) => {
      if (value === null || !Number.isFinite(value)) return ' ';
      const share = range > 0 ? (value / 2 - least / 2) / range : 0.5;
      return levels[Math.min(top, Math.floor(share * levels.length))];
    })
    .join('');
}
