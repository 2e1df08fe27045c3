/** Options that some formats have, and others have not. */
import { extname } from 'node:path';
import { InputError } from './exit-codes.js';

export interface FormatRule<Choices> {
  /** Of names of files. */
  readonly endings: readonly string[];
  /** Which options it has. */
  readonly takes: readonly (keyof Choices)[];
}

export type FormatRules<Name extends string, Choices> = Readonly<Record<Name, FormatRule<Choices>>>;

/** @throws {InputError} no format has such files */
export function formatOf<Name extends string, Choices>(
  file: string,
  rules: FormatRules<Name, Choices>,
  action: 'read' | 'write',
): Name {
  const ending = extname(file).toLowerCase();
  const names = Object.keys(rules) as Name[];
  const name = names.find((each) => rules[each].endings.includes(ending));
  if (name !== undefined) return name;
  const endings = names.flatMap((each) => rules[each].endings).join(', ');
  const why = file === '-' ? '' : `: its name ends with none of ${endings}`;
  const what = action === 'read' ? 'what is in' : 'what to write to';
  throw new InputError(`Cannot tell ${what} ${file}${why}; --format says`);
}

/**
 * What the options say that the format has to choose, and nothing else. `--no-` options are `true` if they
 * are not given.
 * @throws {InputError} an option that it does not have
 */
export function choicesFor<Name extends string, Choices extends object>(
  name: Name,
  options: Choices,
  flags: Readonly<Record<keyof Choices, string>>,
  rules: FormatRules<Name, Choices>,
): Partial<Choices> {
  const given = (Object.keys(flags) as (keyof Choices & string)[]).filter((key) =>
    flags[key].startsWith('--no-') ? options[key] === false : options[key] !== undefined,
  );
  const other = given.find((key) => !rules[name].takes.includes(key));
  if (other === undefined) {
    return Object.fromEntries(given.map((key) => [key, options[key]])) as Partial<Choices>;
  }
  const which = (Object.keys(rules) as Name[]).filter((each) => rules[each].takes.includes(other));
  throw new InputError(`${flags[other]} goes with ${which.join(', ')}, not with ${name}`);
}
