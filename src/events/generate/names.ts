/** What the types of a schema are called in TypeScript. */
import {
  usableFields,
  type EnumType,
  type SchemaModel,
  type StructType,
  type TableType,
  type Type,
  type UnionType,
} from '../model.js';

/** A type that has a name of its own. */
export type NamedType = EnumType | UnionType | StructType | TableType;

/** What the generated code itself uses, and what no type may be called. */
const TAKEN = [
  'Array ArrayLike BigInt64Array BigUint64Array Buffer EventSchema EventVector FieldsView Float32Array',
  'Float64Array Int8Array Int16Array Int32Array Uint8Array Uint16Array Uint32Array BFBS eventSchema',
  'any arguments await bigint boolean break case catch class const continue debugger default delete do',
  'else enum eval export extends false finally for function if implements import in instanceof',
  'interface let never new null number object package private protected public return static string',
  'super switch symbol this throw true try type typeof undefined unknown var void while with yield',
]
  .join(' ')
  .split(' ');

export class TypeNames {
  readonly #names = new Map<NamedType, string>();
  readonly #views = new Map<NamedType, string>();

  /** Names without their namespace where that is clear, else with it. */
  constructor(types: readonly NamedType[]) {
    const taken = new Set(TAKEN);
    const count = (short: string): number =>
      types.filter((type) => shortName(type) === short).length;
    for (const type of types) {
      const isClear = count(shortName(type)) === 1;
      const wanted = isClear ? shortName(type) : type.name.replaceAll('.', '_');
      this.#names.set(type, claim(wanted, taken));
    }
    const viewed = types.filter(({ kind }) => kind === 'struct' || kind === 'table');
    for (const type of viewed) this.#views.set(type, claim(`${this.of(type)}View`, taken));
  }

  /** The type of values as plain objects, and of an enum's names. */
  of(type: NamedType): string {
    return this.#names.get(type) as string;
  }

  /** The type of the flyweight of a struct or table. */
  viewOf(type: NamedType): string {
    return this.#views.get(type) as string;
  }
}

function shortName({ name }: NamedType): string {
  return name.slice(name.lastIndexOf('.') + 1);
}

function claim(wanted: string, taken: Set<string>): string {
  let name = wanted;
  while (taken.has(name)) name += '_';
  taken.add(name);
  return name;
}

/** What the root's values are made of, itself included, in the order of the schema. */
export function typesWithin(root: TableType, model: SchemaModel): NamedType[] {
  const found = new Set<NamedType>();
  const visit = (type: Type | EnumType): void => {
    if (type.kind === 'scalar' && type.enum !== undefined) visit(type.enum);
    if (type.kind === 'vector' || type.kind === 'array') visit(type.element);
    if (!isNamed(type) || found.has(type)) return;
    found.add(type);
    if (type.kind === 'union') type.members.forEach((member) => visit(member.type));
    if (type.kind === 'struct') type.fields.forEach((field) => visit(field.type));
    if (type.kind === 'table') usableFields(type).forEach((field) => visit(field.type));
  };
  visit(root);
  const all = [...model.enums, ...model.structs, ...model.unions, ...model.tables];
  return all.filter((type) => found.has(type));
}

function isNamed(type: Type | EnumType): type is NamedType {
  return ['enum', 'union', 'struct', 'table'].includes(type.kind);
}
