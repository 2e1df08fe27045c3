/**
 * Random schemas and events of them, as plain objects (absent fields are left out, enums
 * are names, unions have `<name>_type`). Floats are such that flatc prints them exactly.
 */
import fc from 'fast-check';

/** Draws from an arbitrary; that of `fc.gen()`. */
export type Draw = <A extends unknown[], T>(
  arbitrary: (...args: A) => fc.Arbitrary<T>,
  ...args: A
) => T;

export type Plain = Record<string, unknown>;

export interface RandomSchema {
  readonly fbs: string;
  /** An event; every reference may be left out unless it is required. */
  readonly event: () => Plain;
  /** An event without anything left out. */
  readonly fullEvent: () => Plain;
}

const NAMESPACE = 'random.test';
const INTEGERS = {
  byte: [-128n, 127n],
  ubyte: [0n, 255n],
  short: [-32_768n, 32_767n],
  ushort: [0n, 65_535n],
  int: [-(2n ** 31n), 2n ** 31n - 1n],
  uint: [0n, 2n ** 32n - 1n],
  long: [-(2n ** 63n), 2n ** 63n - 1n],
  ulong: [0n, 2n ** 64n - 1n],
} as const;
type IntegerName = keyof typeof INTEGERS;
const INTEGER_NAMES = Object.keys(INTEGERS) as IntegerName[];

/** A type as the schema spells it, and how a value of it is drawn. */
interface Spec {
  readonly spelt: string;
  readonly kind: 'scalar' | 'string' | 'struct' | 'table' | 'union';
  readonly draw: (isFull: boolean, depth: number) => unknown;
}

interface FieldSpec {
  readonly name: string;
  readonly line: string;
  /** Puts the field's value, and a union's type, or nothing. */
  readonly put: (into: Plain, isFull: boolean, depth: number) => void;
}

export function drawSchema(draw: Draw): RandomSchema {
  const drawn = new Drawing(draw);
  return drawn.schema();
}

class Drawing {
  readonly #draw: Draw;
  readonly #lines: string[] = [];
  readonly #enums: Spec[] = [];
  readonly #structs: Spec[] = [];
  readonly #tables: Spec[] = [];
  readonly #unions: (Spec & { readonly members: readonly Spec[] })[] = [];

  constructor(draw: Draw) {
    this.#draw = draw;
  }

  schema(): RandomSchema {
    this.#times(0, 2, (i) => this.#enums.push(this.#enum(i)));
    this.#times(0, 3, (i) => this.#structs.push(this.#struct(i)));
    this.#times(0, 3, (i) => this.#tables.push(this.#table(`T${i}`)));
    if (this.#tables.length > 0) this.#times(0, 2, (i) => this.#unions.push(this.#union(i)));
    const root = this.#table('Root');
    const identifier = this.#chance() ? 'file_identifier "ROOT";' : '';
    const fbs = [`namespace ${NAMESPACE};`, ...this.#lines, 'root_type Root;', identifier].join(
      '\n',
    );
    return {
      fbs,
      event: () => root.draw(false, 0) as Plain,
      fullEvent: () => root.draw(true, 0) as Plain,
    };
  }

  // --- Definitions ---

  #enum(index: number): Spec {
    const isFlags = this.#chance();
    const names = ['Ab', 'Cd', 'Ef', 'Gh'].slice(0, this.#integer(1, 4));
    const underlying = this.#pick(isFlags ? ['ubyte', 'ushort', 'uint'] : INTEGER_NAMES);
    this.#lines.push(
      `enum E${index}:${underlying}${isFlags ? ' (bit_flags)' : ''} { ${names.join(', ')} }`,
    );
    const value = (): string => {
      if (!isFlags) return this.#pick(names);
      const set = names.filter(() => this.#chance());
      return set.length > 0 ? set.join(' ') : (names[0] as string);
    };
    return { spelt: `E${index}`, kind: 'scalar', draw: value };
  }

  #struct(index: number): Spec {
    const fields = this.#list(1, 5, (i): [string, Spec, number] => {
      const inner = this.#structs.length > 0 && this.#chance(0.2);
      const spec = inner ? this.#pick(this.#structs) : this.#scalar();
      return [`f${i}`, spec, this.#chance(0.2) ? this.#integer(1, 4) : 0];
    });
    const lines = fields.map(([name, { spelt }, length]) =>
      length > 0 ? `${name}:[${spelt}:${length}];` : `${name}:${spelt};`,
    );
    this.#lines.push(`struct S${index} { ${lines.join(' ')} }`);
    const value = (isFull: boolean, depth: number): Plain =>
      Object.fromEntries(
        fields.map(([name, spec, length]) => {
          const one = (): unknown => spec.draw(isFull, depth);
          return [name, length > 0 ? Array.from({ length }, one) : one()];
        }),
      );
    return { spelt: `S${index}`, kind: 'struct', draw: value };
  }

  #table(name: string): Spec {
    const fields = this.#list(1, 8, (i) => this.#field(`f${i}`));
    this.#lines.push(`table ${name} { ${fields.map(({ line }) => line).join(' ')} }`);
    const value = (isFull: boolean, depth: number): Plain => {
      const object: Plain = {};
      for (const field of fields) field.put(object, isFull, depth);
      return object;
    };
    return { spelt: name, kind: 'table', draw: value };
  }

  #union(index: number): Spec & { members: Spec[] } {
    const all = [...this.#tables, ...this.#structs];
    const drawn = this.#draw(() => fc.subarray(all, { minLength: 1 }));
    this.#lines.push(`union U${index} { ${drawn.map(({ spelt }) => spelt).join(', ')} }`);
    return {
      spelt: `U${index}`,
      kind: 'union',
      members: drawn,
      draw: () => {
        throw new Error('A union is drawn with its type');
      },
    };
  }

  // --- Fields ---

  #field(name: string): FieldSpec {
    const kind = this.#pick([
      'scalar',
      'scalar',
      'scalar',
      'string',
      'vector',
      'reference',
      'union',
    ]);
    if (kind === 'scalar') return this.#scalarField(name);
    if (kind === 'string') return this.#reference(name, this.#string());
    if (kind === 'vector') return this.#vectorField(name);
    if (kind === 'union') return this.#unionField(name);
    const others = [...this.#structs, ...this.#tables];
    return others.length === 0
      ? this.#scalarField(name)
      : this.#reference(name, this.#pick(others));
  }

  #scalarField(name: string): FieldSpec {
    const spec = this.#scalar();
    const isPlain = spec.spelt in INTEGERS || spec.spelt === 'double';
    const mode = isPlain ? this.#pick(['none', 'none', 'default', 'optional']) : 'none';
    const suffix = { none: '', default: ' = 7', optional: ' = null' }[mode] ?? '';
    const put = (into: Plain, isFull: boolean): void => {
      if (isFull || this.#chance(0.8)) into[name] = spec.draw(isFull, 0);
    };
    return { name, line: `${name}:${spec.spelt}${suffix};`, put };
  }

  #reference(name: string, spec: Spec): FieldSpec {
    const isRequired = this.#chance(0.2);
    const put = (into: Plain, isFull: boolean, depth: number): void => {
      if (isFull || isRequired || this.#chance(0.7)) into[name] = spec.draw(isFull, depth + 1);
    };
    return { name, line: `${name}:${spec.spelt}${isRequired ? ' (required)' : ''};`, put };
  }

  #vectorField(name: string): FieldSpec {
    const unions = this.#unions.length > 0 && this.#chance(0.2);
    if (unions) return this.#unionVectorField(name);
    const spec = this.#pick([
      this.#scalar(),
      this.#scalar(),
      this.#string(),
      ...this.#structs,
      ...this.#tables,
    ]);
    const put = (into: Plain, isFull: boolean, depth: number): void => {
      if (!isFull && this.#chance(0.3)) return;
      const length = this.#integer(0, 5);
      into[name] = Array.from({ length }, () => spec.draw(isFull, depth + 1));
    };
    return { name, line: `${name}:[${spec.spelt}];`, put };
  }

  #unionField(name: string): FieldSpec {
    if (this.#unions.length === 0) return this.#scalarField(name);
    const { spelt, members } = this.#pick(this.#unions);
    const put = (into: Plain, isFull: boolean, depth: number): void => {
      if (!isFull && this.#chance(0.3)) return;
      const member = this.#pick(members);
      into[`${name}_type`] = member.spelt;
      into[name] = member.draw(isFull, depth + 1);
    };
    return { name, line: `${name}:${spelt};`, put };
  }

  #unionVectorField(name: string): FieldSpec {
    const { spelt, members } = this.#pick(this.#unions);
    const put = (into: Plain, isFull: boolean, depth: number): void => {
      if (!isFull && this.#chance(0.3)) return;
      const chosen = this.#list(0, 4, () => this.#pick(members));
      into[`${name}_type`] = chosen.map((member) => member.spelt);
      into[name] = chosen.map((member) => member.draw(isFull, depth + 1));
    };
    return { name, line: `${name}:[${spelt}];`, put };
  }

  // --- Values ---

  #scalar(): Spec {
    const kind = this.#pick(['integer', 'integer', 'float', 'bool', 'enum']);
    if (kind === 'enum' && this.#enums.length > 0) return this.#pick(this.#enums);
    if (kind === 'bool') return { spelt: 'bool', kind: 'scalar', draw: () => this.#chance() };
    if (kind === 'float') return this.#float();
    const spelt = this.#pick(INTEGER_NAMES);
    return { spelt, kind: 'scalar', draw: () => this.#integerOf(spelt) };
  }

  #float(): Spec {
    const spelt = this.#pick(['float', 'double']);
    return { spelt, kind: 'scalar', draw: () => this.#integer(-8000, 8000) / 8 };
  }

  #integerOf(spelt: IntegerName): number | bigint {
    const [min, max] = INTEGERS[spelt];
    const value = this.#draw(() => fc.bigInt({ min, max }));
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  #string(): Spec {
    const text = (): string => this.#draw(() => fc.string({ unit: 'grapheme', maxLength: 20 }));
    return { spelt: 'string', kind: 'string', draw: text };
  }

  // --- Drawing ---

  #times(from: number, to: number, make: (index: number) => void): void {
    const count = this.#integer(from, to);
    for (let i = 0; i < count; i++) make(i);
  }

  #list<T>(from: number, to: number, make: (index: number) => T): T[] {
    return Array.from({ length: this.#integer(from, to) }, (_, i) => make(i));
  }

  #integer(min: number, max: number): number {
    return this.#draw(() => fc.integer({ min, max }));
  }

  #chance(share = 0.5): boolean {
    return this.#integer(0, 999) < share * 1000;
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#integer(0, from.length - 1)] as T;
  }
}

/** JSON that flatc takes: 64-bit integers in full. */
export function toJson(value: unknown): string {
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return `[${value.map(toJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).map(
    ([key, each]) => `${JSON.stringify(key)}:${toJson(each)}`,
  );
  return `{${entries.join(',')}}`;
}
