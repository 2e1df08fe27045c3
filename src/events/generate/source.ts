/** Pieces of TypeScript source. What is longer than a line is broken as prettier would. */

const LINE_CHARACTERS = 100;

/** The comment lines of something in the schema, by its full name. */
export type Docs = (name: string) => readonly string[];

/** A doc comment, or nothing. */
export function comment(lines: readonly string[]): string {
  // A comment in the schema could end ours.
  const safe = lines.map((line) => line.replaceAll('*/', '*\\/'));
  if (safe.length === 0) return '';
  const single = `/** ${safe[0]} */\n`;
  if (safe.length === 1 && single.length < LINE_CHARACTERS - 2) return single;
  return `/**\n${safe.map((line) => ` * ${line}`.trimEnd()).join('\n')}\n */\n`;
}

/** A member of an object type, with its comment. */
export function member(lines: readonly string[], text: string): string {
  return `${comment(lines)}${text};`;
}

/** The members between braces. */
export function objectType(members: readonly string[]): string {
  return members.length === 0 ? '{}' : `{\n${indented(members.join('\n'))}\n}`;
}

/** Types with `|` between them. */
export function oneOf(types: readonly string[]): string {
  return types.join(' | ') || 'never';
}

/** The same, one in a line. */
export function alternatives(types: readonly string[]): string {
  if (types.length === 0) return oneOf(types);
  return types.map((type) => `\n  | ${type}`).join('');
}

/** A type alias: in one line if it fits. */
export function typeAlias(name: string, types: readonly string[]): string {
  const single = `export type ${name} = ${oneOf(types)};`;
  if (single.length <= LINE_CHARACTERS) return single;
  return `export type ${name} =${alternatives(types)};`;
}

/** Every line, but no empty one, two spaces to the right. */
export function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ');
}
