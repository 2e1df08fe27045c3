/** Names of columns as names of fields. */

/**
 * An identifier of the schema language: letters, digits and `_`; accents are taken away, everything else is
 * `_`. What has none of them is `column_<position>`.
 */
export function identifierOf(name: string, position: number): string {
  const plain = name
    .normalize('NFKD')
    .replaceAll(/\p{M}+/gu, '')
    .replaceAll(/[^A-Za-z0-9_]+/g, '_');
  const trimmed = /^\w*$/.test(name) ? plain : plain.replaceAll(/^_+|_+$/g, '');
  if (trimmed === '') return `column_${position}`;
  return /^\d/.test(trimmed) ? `_${trimmed}` : trimmed;
}

/** Identifiers that differ: of those that come again, the second is `<name>_2`. */
export function uniqueIdentifiers(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name, index) => {
    const identifier = identifierOf(name, index + 1);
    let unique = identifier;
    for (let n = 2; taken.has(unique); n++) unique = `${identifier}_${n}`;
    taken.add(unique);
    return unique;
  });
}
