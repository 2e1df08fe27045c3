/** `body.samples[3].x` from `['body', 'samples', 3, 'x']`. */
export function fieldPath(path: readonly (string | number)[]): string {
  let text = '';
  for (const each of path) {
    if (typeof each === 'number') text += `[${each}]`;
    else text += text === '' ? each : `.${each}`;
  }
  return text;
}
