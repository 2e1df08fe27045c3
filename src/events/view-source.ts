/**
 * Writes the code of views: a class for each table and struct of a schema, with a getter for each field.
 * Names go in as string literals only, everything else is integers of the schema.
 *
 * Every table's position, and its vtable's, are checked against the record when a view is placed on it
 * (`$table`); each getter then checks its slot and its place in the table, and whatever it follows. All
 * that is read lies between `start` and `end` of the place.
 */
import { inlineBytes } from './bfbs.js';
import { nameOfValue } from './enum-names.js';
import {
  TYPED_ARRAYS,
  isUnionVector,
  usableFields,
  type EnumType,
  type ScalarKind,
  type ScalarType,
  type StructField,
  type StructType,
  type TableField,
  type TableType,
  type Type,
  type UnionType,
} from './model.js';

const GETTERS: Readonly<Record<ScalarKind, string>> = {
  bool: 'getUint8(q) !== 0',
  int8: 'getInt8(q)',
  uint8: 'getUint8(q)',
  int16: 'getInt16(q, true)',
  uint16: 'getUint16(q, true)',
  int32: 'getInt32(q, true)',
  uint32: 'getUint32(q, true)',
  int64: 'getBigInt64(q, true)',
  uint64: 'getBigUint64(q, true)',
  float32: 'getFloat32(q, true)',
  float64: 'getFloat64(q, true)',
};
/** Names of such values are kept in an array, those of others in a map. */
const MAX_ARRAY_VALUE = 1023;

type Names = readonly (string | undefined)[] | ReadonlyMap<number | bigint, string>;

export interface ViewSource {
  /** Body of a function that returns the class for the root. */
  readonly body: string;
  /** Names of enums, by the variables that the body calls them. */
  readonly names: Readonly<Record<string, Names | ((value: number | bigint) => unknown)>>;
}

export function viewSource(root: TableType): ViewSource {
  const writer = new ViewWriter();
  const name = writer.classOf(root);
  return { body: writer.body(name), names: writer.names };
}

class ViewWriter {
  readonly names: Record<string, Names | ((value: number | bigint) => unknown)> = {};
  readonly #classes = new Map<TableType | StructType, string>();
  readonly #enums = new Map<EnumType, string>();
  readonly #unions = new Map<UnionType, string>();
  readonly #texts: string[] = [];

  body(root: string): string {
    return `${this.#texts.join('\n')}
class View extends ${root} {
  constructor() { super(new RecordPlace(), ''); }
  $show(record) { record.showIn(this.$p); return this.$root(); }
  $read(bytes, position = 0, length = bytes.length - position) {
    checkWithin(bytes, position, length);
    this.$p.showBytes(bytes, position, length);
    return this.$root();
  }
  $root() {
    const p = this.$p, room = p.end - p.start;
    if (room < 8) malformed(p, 'a buffer of ' + room + ' bytes', p.start, '');
    const distance = p.view.getUint32(p.start, true);
    if (distance < 4) malformed(p, 'the root overlaps its distance', p.start, '');
    return this.$table(p.start + distance);
  }
}
// Or it would stand before a field of that name.
delete View.prototype.constructor;
return View;`;
  }

  /** Name of the class for a type, which is written when it is asked for first. */
  classOf(type: TableType | StructType): string {
    const known = this.#classes.get(type);
    if (known !== undefined) return known;
    const name = `C${this.#classes.size}`;
    this.#classes.set(type, name);
    this.#texts.push(type.kind === 'table' ? this.#table(type, name) : this.#struct(type, name));
    return name;
  }

  // --- Classes ---

  #table(type: TableType, name: string): string {
    const fields = usableFields(type);
    const members = fields.map((field) => this.#tableField(field));
    const bigints = fields.map((field) => this.#tableBigint(field)).join('');
    return `class ${name} {
  constructor(p, path) {
    this.$p = p; this.$path = path; this.$s = -1; this.$t = this.$v = this.$b = this.$n = 0;
    ${fields.map(({ id }) => `this.$f${id} = this.$g${id} = undefined;`).join(' ')}
  }
  $table(t) {
    const p = this.$p;
    if (t > p.end - 4) malformed(p, 'a table lies outside of the buffer', t, this.$path);
    const v = t - p.view.getInt32(t, true);
    if (v < p.start || v > p.end - 4) malformed(p, 'a vtable lies outside of the buffer', v, this.$path);
    const b = p.view.getUint16(v, true), n = p.view.getUint16(v + 2, true);
    if (b < 4 || (b & 1) !== 0 || n < 4 || v + b > p.end || t + n > p.end) {
      malformed(p, 'a vtable has impossible sizes', v, this.$path);
    }
    this.$s = p.stamp; this.$t = t; this.$v = v; this.$b = b; this.$n = n;
    return this;
  }
  $outside(d, name) {
    malformed(this.$p, 'a field lies outside of its table', this.$t + d, this.$path + name);
  }
  $missing(name) {
    malformed(this.$p, 'a required field is missing', this.$t, this.$path + name);
  }
  ${members.join('\n  ')}
  $bigint(name) {
    switch (name) { ${bigints} }
    return refuseBigint(${text(type.name)}, name);
  }
}`;
  }

  #struct(type: StructType, name: string): string {
    const members = type.fields.map((field, i) => this.#structField(field, i));
    const bigints = type.fields.map((field) => this.#structBigint(field)).join('');
    return `class ${name} {
  constructor(p, path) {
    this.$p = p; this.$path = path; this.$s = -1; this.$t = 0;
    ${type.fields.map((_, i) => `this.$f${i} = undefined;`).join(' ')}
  }
  $struct(t) { this.$s = this.$p.stamp; this.$t = t; return this; }
  ${members.join('\n  ')}
  $bigint(name) {
    switch (name) { ${bigints} }
    return refuseBigint(${text(type.name)}, name);
  }
}`;
  }

  // --- Fields of tables ---

  #tableField(field: TableField): string {
    const { name, type, id } = field;
    if (type.kind === 'union') return this.#unionField(field, type);
    if (isUnionVector(type)) return this.#unionVectorField(field, type.element);
    const value = this.#tableValue(field);
    const found = this.#find(id, inlineBytes(type), name, `return ${this.#absent(field)};`);
    return `get [${text(name)}]() { ${found} return ${value}; }`;
  }

  /** Sets \`q\`, the position of a field, or does what \`absent\` says. */
  #find(id: number, size: number, name: string, absent: string): string {
    const slot = 4 + 2 * id;
    return `const p = this.$p; if (this.$s !== p.stamp) stale();
    const d = this.$b > ${slot} ? p.view.getUint16(this.$v + ${slot}, true) : 0;
    if (d === 0) { ${absent} }
    if (d < 4 || d + ${size} > this.$n) this.$outside(d, ${text(name)});
    const q = this.$t + d;`;
  }

  #absent({ name, type, defaultValue, isOptional, isRequired }: TableField): string {
    if (isRequired) return `this.$missing(${text(name)})`;
    if (isOptional) return 'null';
    if (type.kind !== 'scalar') return 'undefined';
    if (type.scalar === 'bool') return String(Number(defaultValue) !== 0);
    if (type.enum !== undefined) return literal(nameOfValue(type.enum, defaultValue));
    if (typeof defaultValue === 'bigint')
      return `unsafe(this.$path + ${text(name)}, ${literal(defaultValue)})`;
    return literal(defaultValue);
  }

  #tableValue({ name, type, id }: TableField): string {
    if (type.kind === 'scalar') return this.#scalar(type, name);
    const path = `this.$path, ${text(name)}`;
    if (type.kind === 'string') return `text(p, q, ${path})`;
    const own = `(this.$f${id} ??= ${this.#made(type, name)})`;
    if (type.kind === 'struct') return `${own}.$struct(q)`;
    if (type.kind === 'table') return `${own}.$table(follow(p, q, ${path}))`;
    if (type.kind === 'vector' && type.element.kind === 'scalar') {
      return `numbers(p, q, ${TYPED_ARRAYS[type.element.scalar]}, ${path})`;
    }
    return `${own}.follow(q)`;
  }

  #tableBigint({ name, type, id, defaultValue, isOptional }: TableField): string {
    if (!isWide(type)) return '';
    const absent = isOptional ? 'null' : `${BigInt(defaultValue)}n`;
    const found = this.#find(id, 8, name, `return ${absent};`);
    return `case ${text(name)}: { ${found} return p.view.${GETTERS[type.scalar]}; }`;
  }

  // --- Unions ---

  #unionField({ name, id, isRequired }: TableField, union: UnionType): string {
    const tag = `${name}_type`;
    const absent = isRequired ? `this.$missing(${text(name)});` : 'return undefined;';
    return `get [${text(tag)}]() {
    ${this.#find(id - 1, 1, tag, absent)} return ${this.#unionNames(union)}(p.view.getUint8(q));
  }
  get $tag${id}() { ${this.#find(id - 1, 1, tag, 'return 0;')} return p.view.getUint8(q); }
  $member${id}(tag) {
    const p = this.$p, path = this.$path + ${text(name)};
    switch (tag) { ${this.#newMembers(union)} }
    return undefined;
  }
  get [${text(name)}]() {
    const tag = this.$tag${id};
    if (tag === 0) { ${absent} }
    ${this.#find(id, 4, name, absent)}
    const members = this.$f${id} ??= [];
    ${this.#readMember(union, name, `(members[tag] ??= this.$member${id}(tag))`)}
  }`;
  }

  /** An object of each member that is shown by one. */
  #newMembers({ members }: UnionType): string {
    return members
      .map(({ tag, type }) =>
        type.kind === 'string'
          ? ''
          : `case ${tag}: return new ${this.classOf(type)}(p, path + '.');`,
      )
      .join(' ');
  }

  /** Returns what the distance at \`q\` leads to. */
  #readMember({ members }: UnionType, name: string, member: string): string {
    const path = `this.$path, ${text(name)}`;
    const cases = members.map(({ tag, type }) => {
      if (type.kind === 'string') return `case ${tag}: return text(p, q, ${path});`;
      if (type.kind === 'table')
        return `case ${tag}: return ${member}.$table(follow(p, q, ${path}));`;
      return `case ${tag}: return ${member}.$struct(follow(p, q, ${path}, ${type.bytes}));`;
    });
    return `switch (tag) { ${cases.join(' ')} } return undefined;`;
  }

  #unionVectorField({ name, id, isRequired }: TableField, union: UnionType): string {
    const tags = `${name}_type`;
    const absent = isRequired ? `this.$missing(${text(name)});` : 'return undefined;';
    const names = this.#unionNames(union);
    return `get [${text(tags)}]() {
    ${this.#find(id - 1, 4, tags, absent)}
    return (this.$g${id} ??= new Elements(p, 1, this.$path + ${text(tags)}, (q) => ${names}(p.view.getUint8(q))))
      .follow(q);
  }
  get $tags${id}() { ${this.#find(id - 1, 4, tags, 'return 0;')} return q; }
  $member${id}(tag) {
    const p = this.$p, path = this.$path + ${text(`${name}[]`)};
    switch (tag) { ${this.#newMembers(union)} }
    return undefined;
  }
  $elements${id}() {
    const p = this.$p, members = [];
    return new Elements(p, 4, this.$path + ${text(name)}, (q, tag) => {
      ${this.#readMember(union, `${name}[]`, `(members[tag] ??= this.$member${id}(tag))`)}
    });
  }
  get [${text(name)}]() {
    const tags = this.$tags${id};
    ${this.#find(id, 4, name, absent)}
    return (this.$f${id} ??= this.$elements${id}()).follow(q).tagBy(tags);
  }`;
  }

  /** A function from a discriminator to the member's name. */
  #unionNames(union: UnionType): string {
    const known = this.#unions.get(union);
    if (known !== undefined) return known;
    const name = `U${this.#unions.size}`;
    this.#unions.set(union, name);
    const names: (string | undefined)[] = [];
    for (const { tag, name: member } of union.members) names[tag] = member;
    this.names[name] = (tag) => (tag === 0 ? undefined : (names[Number(tag)] ?? tag));
    return name;
  }

  // --- Fields of structs ---

  #structField({ name, type, at }: StructField, index: number): string {
    const found = `const p = this.$p; if (this.$s !== p.stamp) stale(); const q = this.$t + ${at};`;
    return `get [${text(name)}]() { ${found} return ${this.#structValue(name, type, index)}; }`;
  }

  #structValue(name: string, type: StructField['type'], index: number): string {
    if (type.kind === 'scalar') return this.#scalar(type, name);
    const own = `(this.$f${index} ??= ${this.#made(type, name)})`;
    if (type.kind === 'struct') return `${own}.$struct(q)`;
    if (type.element.kind === 'struct') return `${own}.show(q, ${type.length})`;
    return `numbersAt(p, q, ${type.length}, ${TYPED_ARRAYS[type.element.scalar]})`;
  }

  #structBigint({ name, type, at }: StructField): string {
    if (!isWide(type)) return '';
    return `case ${text(name)}: {
      const p = this.$p; if (this.$s !== p.stamp) stale(); const q = this.$t + ${at};
      return p.view.${GETTERS[type.scalar]};
    }`;
  }

  // --- Values ---

  /** Makes what shows a nested value again and again. */
  #made(type: Type, name: string): string {
    if (type.kind === 'struct' || type.kind === 'table') {
      return `new ${this.classOf(type)}(p, this.$path + ${text(`${name}.`)})`;
    }
    if (type.kind !== 'vector' && type.kind !== 'array') return 'undefined';
    const path = `this.$path, ${text(`${name}[]`)}`;
    const elements = (size: number, read: string): string =>
      `new Elements(p, ${size}, this.$path + ${text(name)}, ${read})`;
    const { element } = type;
    if (element.kind === 'string') return elements(4, `(q) => text(p, q, ${path})`);
    if (element.kind !== 'struct' && element.kind !== 'table') return 'undefined';
    const one = `const one = new ${this.classOf(element)}(p, this.$path + ${text(`${name}[].`)});`;
    return element.kind === 'struct'
      ? `(() => { ${one} return ${elements(element.bytes, '(q) => one.$struct(q)')}; })()`
      : `(() => { ${one} return ${elements(4, `(q) => one.$table(follow(p, q, ${path}))`)}; })()`;
  }

  #scalar(type: ScalarType, name: string): string {
    const { scalar } = type;
    const read = `p.view.${GETTERS[scalar]}`;
    if (type.enum !== undefined) {
      return this.#named(type.enum, isWide(type) ? `exactly(${read})` : read);
    }
    const path = `this.$path, ${text(name)}`;
    if (scalar === 'int64') return `exactInt64(p.view, q, ${path})`;
    if (scalar === 'uint64') return `exactUint64(p.view, q, ${path})`;
    return read;
  }

  /** The name of a value, or the value itself. */
  #named(type: EnumType, value: string): string {
    const known = this.#enums.get(type) ?? `E${this.#enums.size}`;
    this.#enums.set(type, known);
    this.names[known] ??= enumNames(type);
    const names = this.names[known];
    if (typeof names === 'function') return `${known}(${value})`;
    if (names instanceof Map) return `named(${known}, ${value})`;
    return `numbered(${known}, ${value})`;
  }
}

function enumNames(type: EnumType): Names | ((value: number | bigint) => unknown) {
  if (type.isBitFlags) return flagNames(type);
  const isSmall = type.values.every(({ value }) => value >= 0 && value <= MAX_ARRAY_VALUE);
  if (!isSmall) return new Map(type.values.map(({ name, value }) => [value, name]));
  const last = Math.max(0, ...type.values.map(({ value }) => Number(value)));
  const names = Array.from({ length: last + 1 }, (): string | undefined => undefined);
  for (const { name, value } of type.values) names[Number(value)] = name;
  return names;
}

/** Sets of flags are few, and joining their names is slow. */
function flagNames(type: EnumType): (value: number | bigint) => unknown {
  const made = new Map<number | bigint, unknown>();
  return (value) => {
    let name = made.get(value);
    if (name !== undefined) return name;
    name = nameOfValue(type, value);
    if (made.size <= MAX_ARRAY_VALUE) made.set(value, name);
    return name;
  };
}

function isWide(type: Type): type is ScalarType {
  return type.kind === 'scalar' && (type.scalar === 'int64' || type.scalar === 'uint64');
}

function text(name: string): string {
  return JSON.stringify(name);
}

function literal(value: string | number | bigint): string {
  if (typeof value === 'string') return text(value);
  if (typeof value === 'bigint') return `${value}n`;
  return Object.is(value, -0) ? '-0' : String(value);
}
