/** Names that somebody may have meant. */

/** So many are named; whoever has hundreds of fields does not want them all in one line. */
const MAX_NAMES = 20;

/** The names, the one most like `name` first if there is one alike, the others in their order. */
export function nearestFirst(name: string, names: readonly string[]): string {
  const ranked = names.map((each) => ({ each, steps: distance(fold(name), fold(each)) }));
  const best = Math.min(...ranked.map(({ steps }) => steps));
  const isAlike = best <= Math.max(1, Math.floor(name.length / 3));
  const nearest = isAlike ? ranked.findIndex(({ steps }) => steps === best) : -1;
  const others = names.filter((_, i) => i !== nearest);
  const listed = nearest < 0 ? others : [names[nearest] as string, ...others];
  if (listed.length <= MAX_NAMES) return listed.join(', ');
  return `${listed.slice(0, MAX_NAMES).join(', ')} and ${listed.length - MAX_NAMES} more`;
}

function fold(name: string): string {
  return name.toLowerCase().replaceAll('_', '');
}

/** Insertions, deletions, replacements, and swaps of neighbours that make one of the other. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = isSwap ? (before[j - 2] as number) + 1 : Infinity;
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1, swapped));
    }
    before = row;
    row = next;
  }
  return row[b.length] as number;
}
