/**
 * Makes the code of an encoder: for every table, struct, vector and union a function that measures and one
 * that writes, which go through the same fields in the same order. What V8 gets to see is what one would
 * write by hand for this schema: properties by name, typed arrays, constants.
 *
 * Measuring checks everything: `NOT_STORABLE` says that there is something wrong, and `checkEvent` then
 * finds out what. Writing checks nothing but the bound: an event that has changed since (getters) may have
 * other numbers stored, cut to their bits, but nothing outside of what was measured.
 *
 * In the code, `m` is the memory, `at` where the next object goes, `b` where the table's block lies, `s`
 * where the event starts. While measuring, the event starts at 0.
 */
import { alignUp } from '../format/integers.js';
import { inlineAlign, inlineBytes } from './bfbs.js';
import { valueOfName } from './enum-names.js';
import { MAX_DEPTH, MAX_TABLES } from './limits.js';
import { MAX_EVENT_BYTES, NOT_STORABLE, TOO_LARGE } from './measure.js';
import {
  SCALAR_BYTES,
  TYPED_ARRAYS,
  type ArrayType,
  type EnumType,
  type ScalarKind,
  type ScalarType,
  type StructType,
  type TableType,
  type Type,
  type UnionType,
  type VectorType,
} from './model.js';
import { index, isStorable, store, storeAll, storeZero, storedKind } from './scalar-source.js';
import { WORD_BYTES, layOut, type PlacedField, type Template } from './template.js';

const FAIL = `return ${NOT_STORABLE};`;
const FAIL_IF_NEGATIVE = 'if (at < 0) return at;';
/** More zeros than this in a row are filled in by one call. */
const MAX_SINGLE_ZEROS = 16;

const COUNT_REFERENCES = `at += 4 + 4 * n; if (at > ${MAX_EVENT_BYTES}) return ${TOO_LARGE};`;
const WRITE_REFERENCE_COUNT =
  `if (!(at + 4 + 4 * n <= end)) ${FAIL} ` +
  'm.words[at >> 2] = n; let r = at + 4; at = r + 4 * n;';

type Element = VectorType['element'];

/** Code, and the values that it refers to by name. */
export interface EncoderSource {
  readonly body: string;
  readonly support: Readonly<Record<string, unknown>>;
}

/** `header`: the first words of each event. */
export function encoderSource(root: TableType, header: readonly number[]): EncoderSource {
  const writer = new SourceWriter();
  const template = layOut(root, header);
  writer.defineTable('Root', template, true);
  const body = `
    let tables = 0;
    ${writer.functions.join('\n')}
    return {
      measure(e) {
        tables = 1;
        const at = measureRoot(e, 0, 1);
        return at < 0 ? refuse(e, at) : at;
      },
      write(e, m, s, end) {
        if ((s & 7) !== 0) return misplaced(s);
        const at = s + ${template.bytes} <= end ? writeRoot(m, e, s, end, s) : ${NOT_STORABLE};
        return at === end ? at : changed();
      },
    };`;
  return { body, support: writer.support };
}

class SourceWriter {
  readonly functions: string[] = [];
  readonly support: Record<string, unknown> = {};
  /** What the functions for a type are called by; made once per type. */
  readonly #names = new Map<object | string, string>();
  readonly #templates = new Map<TableType, Template>();

  // --- Tables ---

  defineTable(name: string, template: Template, isRoot: boolean): void {
    const limits = isRoot ? '' : `if (depth > ${MAX_DEPTH} || ++tables > ${MAX_TABLES}) ${FAIL}`;
    const { fields, bytes } = template;
    this.#define(`measure${name}(e, at, depth)`, [
      `if (!isObject(e)) ${FAIL}`,
      limits,
      `at += ${bytes}; if (at > ${MAX_EVENT_BYTES}) return ${TOO_LARGE};`,
      'let v;',
      ...fields.map((field) => this.#measureField(field)),
      'return at;',
    ]);
    this.#define(`write${name}(m, e, b, end, s)`, [
      ...stamp(template),
      `let at = b + ${bytes}, t, v;`,
      ...fields.map((field) => this.#writeField(field)),
      'return at;',
    ]);
  }

  #measureField({ field, tagAt }: PlacedField): string {
    const { name, type, isRequired } = field;
    const absent = isRequired ? `else ${FAIL}` : '';
    const take = `v = ${property('e', name)};`;
    if (tagAt === 0) return `${take} if (v != null) { ${this.#measure(type, 'v')} } ${absent}`;
    const tags = property('e', `${name}_type`);
    const measure =
      type.kind === 'union'
        ? `at = measure${this.#union(type)}(v, ${tags}, at, depth); ${FAIL_IF_NEGATIVE}`
        : `at = measure${this.#unionVector(type)}(v, ${tags}, at, depth); ${FAIL_IF_NEGATIVE}`;
    const none = isRequired ? FAIL : `if (!isNone(${tags})) ${FAIL}`;
    return `${take} if (v != null) { ${measure} } else { ${none} }`;
  }

  /** Statements that check a value and move `at` behind what it takes outside of the table. */
  #measure(type: Type, value: string): string {
    switch (type.kind) {
      case 'scalar':
        return `${this.#resolve(type, value)} if (!(${isStorable(storedKind(type), value)})) ${FAIL}`;
      case 'struct':
        return `if (!check${this.#struct(type)}(${value})) ${FAIL}`;
      case 'string':
        return `at = measureString(${value}, at); ${FAIL_IF_NEGATIVE}`;
      case 'table': {
        const { name, template } = this.#table(type);
        const aligned = alignSource('at', template.align, '0');
        return `at = measure${name}(${value}, ${aligned}, depth + 1); ${FAIL_IF_NEGATIVE}`;
      }
      case 'vector':
        return `at = measure${this.#vector(type)}(${value}, at, depth); ${FAIL_IF_NEGATIVE}`;
      default:
        throw new TypeError(`A ${type.kind} is measured elsewhere`);
    }
  }

  #writeField(placed: PlacedField): string {
    const { field, at, tagAt } = placed;
    const { name, type } = field;
    const take = `v = ${property('e', name)};`;
    const absent = writeAbsent(placed);
    if (type.kind === 'scalar') return `${take} ${this.#writeScalarField(type, at, absent)}`;
    if (tagAt !== 0) {
      const tags = property('e', `${name}_type`);
      return `${take} if (v != null) { ${this.#writeUnionField(type, tags, placed)} } else { ${absent} }`;
    }
    const present =
      type.kind === 'struct'
        ? `write${this.#struct(type)}(m, v, b + ${at});`
        : this.#writeObject(type, 'v', `b + ${at}`);
    return `${take} if (v != null) { ${present} } else { ${absent} }`;
  }

  #writeScalarField(type: ScalarType, at: number, absent: string): string {
    const kind = storedKind(type);
    const stored = store(kind, 'b', at, 'v');
    if (kind === 'bool' || SCALAR_BYTES[kind] === 8) {
      const resolve = this.#resolve(type, 'v');
      if (kind === 'float64') return ifNumber(stored, absent);
      return `${resolve} if (v == null) { ${absent} } else { ${stored} }`;
    }
    return `${this.#resolve(type, 'v')} ${ifNumber(stored, absent)}`;
  }

  #writeUnionField(type: Type, tags: string, { at, tagAt }: PlacedField): string {
    if (type.kind === 'union') {
      const name = this.#union(type);
      return (
        `const tag = tagOf${name}(${tags}); m.bytes[b + ${tagAt}] = tag; ` +
        `at = write${name}(m, v, tag, b + ${at}, at, end, s); ${FAIL_IF_NEGATIVE}`
      );
    }
    const name = this.#unionVector(type);
    const places = `b + ${tagAt}, b + ${at}`;
    return `at = write${name}(m, v, ${tags}, ${places}, at, end, s); ${FAIL_IF_NEGATIVE}`;
  }

  /**
   * Statements that write what lies outside of its parent, at `at`, and the distance to it at `reference`;
   * then `at` is behind it.
   */
  #writeObject(type: Type, value: string, reference: string): string {
    const refer = (target: string): string =>
      `m.words[(${reference}) >> 2] = ${target} - (${reference});`;
    switch (type.kind) {
      case 'string':
        return `${refer('at')} at = writeString(m, ${value}, at, end); ${FAIL_IF_NEGATIVE}`;
      case 'table': {
        const { name, template } = this.#table(type);
        const { align, bytes, tableAt } = template;
        const written = `at = write${name}(m, ${value}, at, end, s); ${FAIL_IF_NEGATIVE}`;
        return `${advance(align, 0, String(bytes))} ${refer(`at + ${tableAt}`)} ${written}`;
      }
      case 'struct': {
        const bytes = alignUp(type.bytes, WORD_BYTES);
        const clear = `m.bytes.fill(0, at, at + ${bytes});`;
        const written = `write${this.#struct(type)}(m, ${value}, at); at += ${bytes};`;
        return `${advance(type.align, 0, String(bytes))} ${clear} ${refer('at')} ${written}`;
      }
      case 'vector': {
        const before = advance(vectorAlign(type.element), WORD_BYTES, String(WORD_BYTES));
        const written = `at = write${this.#vector(type)}(m, ${value}, at, end, s); ${FAIL_IF_NEGATIVE}`;
        return `${before} ${refer('at')} ${written}`;
      }
      default:
        throw new TypeError(`A ${type.kind} is written elsewhere`);
    }
  }

  #table(type: TableType): { name: string; template: Template } {
    const template = this.#templates.get(type) ?? layOut(type);
    this.#templates.set(type, template);
    const name = this.#named(type, 'Table', (made) => this.defineTable(made, template, false));
    return { name, template };
  }

  // --- Structs ---

  #struct(type: StructType): string {
    return this.#named(type, 'Struct', (name) => {
      const { fields } = type;
      this.#define(`check${name}(e)`, [
        'if (!isObject(e)) return false;',
        'let v;',
        ...fields.map((each) => `v = ${property('e', each.name)}; ${this.#checkInline(each.type)}`),
        'return true;',
      ]);
      this.#define(`write${name}(m, e, b)`, [
        'let v;',
        ...fields.map(
          (each) => `v = ${property('e', each.name)}; ${this.#writeInline(each.type, each.at)}`,
        ),
      ]);
    });
  }

  #checkInline(type: ScalarType | StructType | ArrayType): string {
    if (type.kind === 'struct') return `if (!check${this.#struct(type)}(v)) return false;`;
    if (type.kind === 'array') {
      return `if (countOf(v) !== ${type.length} || !check${this.#elements(type.element)}(v, ${type.length})) return false;`;
    }
    return `${this.#resolve(type, 'v')} if (!(${isStorable(storedKind(type), 'v')})) return false;`;
  }

  #writeInline(type: ScalarType | StructType | ArrayType, at: number): string {
    if (type.kind === 'struct') return `write${this.#struct(type)}(m, v, b + ${at});`;
    if (type.kind === 'array') {
      return `write${this.#elements(type.element)}(m, v, ${type.length}, b + ${at});`;
    }
    return `${this.#resolve(type, 'v')} ${store(storedKind(type), 'b', at, 'v')}`;
  }

  /** Inline values, one behind the other. */
  #elements(element: ScalarType | StructType): string {
    return this.#named(inlineKey(element), 'Elements', (name) => {
      const bytes = inlineBytes(element);
      this.#define(`check${name}(e, n)`, [
        `for (let i = 0; i < n; i++) { let v = e[i]; ${this.#checkInline(element)} }`,
        'return true;',
      ]);
      this.#define(`write${name}(m, e, n, b)`, [
        `for (let i = 0; i < n; i++, b += ${bytes}) { let v = e[i]; ${this.#writeInline(element, 0)} }`,
      ]);
    });
  }

  // --- Vectors ---

  #vector(type: VectorType): string {
    const { element } = type;
    if (element.kind === 'scalar' || element.kind === 'struct') return this.#inlineVector(element);
    return this.#referenceVector(element);
  }

  #inlineVector(element: ScalarType | StructType): string {
    return this.#named(`vector ${inlineKey(element)}`, 'Vector', (name) => {
      const bytes = inlineBytes(element);
      const elements = this.#elements(element);
      const same = sameTypedArray(element);
      const isSame = same === undefined ? 'false' : `v instanceof ${TYPED_ARRAYS[same]}`;
      this.#define(`measure${name}(v, at, depth)`, [
        `const same = ${isSame};`,
        'const n = same ? lengthOf(v) : countOf(v);',
        `if (!(n >= 0)) ${FAIL}`,
        `if (!same && !check${elements}(v, n)) ${FAIL}`,
        `at = ${alignSource('at + 4', vectorAlign(element), '0')} + n * ${bytes};`,
        `return at > ${MAX_EVENT_BYTES} ? ${TOO_LARGE} : (at + 3) & ~3;`,
      ]);
      const write = `write${elements}(m, v, n, at + 4);`;
      const set = same === undefined ? '' : storeAll(same, 'v', 'at + 4');
      // The last word is cleared first, as the last elements may not fill it; gaps are, too.
      const clear = hasGaps(element) ? 'm.bytes.fill(0, at + 4, next);' : '';
      const clearTail = bytes % WORD_BYTES === 0 ? '' : 'm.words[(next >> 2) - 1] = 0;';
      this.#define(`write${name}(m, v, at, end, s)`, [
        `const same = ${isSame};`,
        'const n = same ? lengthOf(v) : v.length >>> 0;',
        `if (!(at + 4 + n * ${bytes} <= end)) ${FAIL}`,
        `const next = (at + 4 + n * ${bytes} + 3) & ~3;`,
        `${clear} ${clearTail}`,
        'm.words[at >> 2] = n;',
        same === undefined ? write : `if (same) ${set} else ${write}`,
        'return next;',
      ]);
    });
  }

  #referenceVector(element: Element): string {
    return this.#named(`vector ${this.#objectKey(element)}`, 'Vector', (name) => {
      this.#define(`measure${name}(e, at, depth)`, [
        'const n = countOf(e);',
        `if (n < 0) ${FAIL}`,
        COUNT_REFERENCES,
        `for (let i = 0; i < n; i++) { const v = e[i]; ${this.#measure(element, 'v')} }`,
        'return at;',
      ]);
      this.#define(`write${name}(m, e, at, end, s)`, [
        'const n = e.length >>> 0;',
        WRITE_REFERENCE_COUNT,
        'let t;',
        `for (let i = 0; i < n; i++, r += 4) { const v = e[i]; ${this.#writeObject(element, 'v', 'r')} }`,
        'return at;',
      ]);
    });
  }

  // --- Unions ---

  #union(type: UnionType): string {
    return this.#named(type, 'Union', (name) => {
      const cases = (statements: (member: UnionType['members'][number]) => string): string =>
        type.members
          .map((member) => `case ${member.tag}: ${statements(member)} return at;`)
          .join('\n');
      this.support[`tagOf${name}`] = tagOf(type);
      this.#define(`measure${name}(v, type, at, depth)`, [
        `switch (tagOf${name}(type)) {`,
        cases((member) => this.#measureMember(member.type)),
        `default: ${FAIL} }`,
      ]);
      this.#define(`write${name}(m, v, tag, r, at, end, s)`, [
        'let t;',
        'switch (tag) {',
        cases((member) => this.#writeObject(member.type, 'v', 'r')),
        `default: ${FAIL} }`,
      ]);
    });
  }

  /** A struct lies outside of its parent here. */
  #measureMember(type: UnionType['members'][number]['type']): string {
    const check = this.#measure(type, 'v');
    if (type.kind !== 'struct') return check;
    const bytes = alignUp(type.bytes, WORD_BYTES);
    return `${check} at = ${alignSource('at', type.align, '0')} + ${bytes}; if (at > ${MAX_EVENT_BYTES}) return ${TOO_LARGE};`;
  }

  /** Two vectors, that of the types first. */
  #unionVector(type: Type): string {
    const element = (type as VectorType).element as UnionType;
    const union = this.#union(element);
    return this.#named(`vector ${union}`, 'Vector', (name) => {
      this.#define(`measure${name}(e, types, at, depth)`, [
        'const n = countOf(e);',
        `if (n < 0 || countOf(types) !== n) ${FAIL}`,
        `if (n > ${MAX_EVENT_BYTES}) return ${TOO_LARGE};`,
        'at += 4 + ((n + 3) & ~3);',
        COUNT_REFERENCES,
        'for (let i = 0; i < n; i++) {',
        `at = measure${union}(e[i], types[i], at, depth); ${FAIL_IF_NEGATIVE} }`,
        'return at;',
      ]);
      this.#define(`write${name}(m, e, types, tagsReference, reference, at, end, s)`, [
        'const n = e.length >>> 0;',
        `if (!(at + 4 + n <= end)) ${FAIL}`,
        'm.words[tagsReference >> 2] = at - tagsReference;',
        'let tagAt = at + 4;',
        'const next = (tagAt + n + 3) & ~3;',
        'm.words[(next >> 2) - 1] = 0;',
        'm.words[at >> 2] = n;',
        'at = next;',
        'm.words[reference >> 2] = at - reference;',
        WRITE_REFERENCE_COUNT,
        'for (let i = 0; i < n; i++, r += 4, tagAt++) {',
        `const tag = tagOf${union}(types[i]); m.bytes[tagAt] = tag;`,
        `at = write${union}(m, e[i], tag, r, at, end, s); ${FAIL_IF_NEGATIVE} }`,
        'return at;',
      ]);
    });
  }

  // --- Names ---

  /** A statement that puts a number in place of an enum's name. */
  #resolve({ enum: type }: ScalarType, value: string): string {
    if (type === undefined) return '';
    return `if (typeof ${value} === 'string') ${value} = ${this.#enum(type)}(${value});`;
  }

  #enum(type: EnumType): string {
    return this.#named(type, 'valueOf', (name) => {
      this.support[name] = (text: string) => valueOfName(type, text);
    });
  }

  #objectKey(type: Element): string {
    if (type.kind === 'string') return 'string';
    return type.kind === 'table' ? this.#table(type).name : '';
  }

  #named(key: object | string, prefix: string, make: (name: string) => void): string {
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const name = `${prefix}${this.#names.size}`;
    // Before it is made: types may contain themselves.
    this.#names.set(key, name);
    make(name);
    return name;
  }

  #define(head: string, lines: readonly string[]): void {
    this.functions.push(`function ${head} {\n${lines.filter((line) => line !== '').join('\n')}\n}`);
  }
}

// --- Statements ---

/** The template's constants. Fields that are left out clear their own. */
function stamp({ words, bytes }: Template): string[] {
  const statements: string[] = [];
  for (let i = 0; i < words.length; i++) {
    let zeros = i;
    while (words[zeros] === 0) zeros++;
    if (zeros - i > MAX_SINGLE_ZEROS) {
      statements.push(`m.words.fill(0, (b >> 2) + ${i}, (b >> 2) + ${zeros});`);
      i = zeros - 1;
    } else if (words[i] !== undefined) {
      statements.push(`m.words[(b >> 2) + ${i}] = ${words[i]};`);
    }
  }
  if (words.length * WORD_BYTES !== bytes) throw new RangeError('A template is not of words');
  return statements;
}

/** Clears the slots and the places of a field that is left out. */
function writeAbsent({ field, at, slotAt, tagAt }: PlacedField): string {
  const { type, isRequired } = field;
  if (isRequired) return FAIL;
  const clearSlot = `m.int16s[${index('b', slotAt, 1)}] = 0;`;
  if (type.kind === 'scalar') return `${clearSlot} ${storeZero(storedKind(type), 'b', at)}`;
  if (type.kind === 'struct') return clearSlot;
  const clear = `${clearSlot} m.words[${index('b', at, 2)}] = 0;`;
  if (tagAt === 0) return clear;
  const clearTagSlot = `m.int16s[${index('b', slotAt - 2, 1)}] = 0;`;
  const clearTags = type.kind === 'union' ? '' : `m.words[${index('b', tagAt, 2)}] = 0;`;
  return `${clear} ${clearTagSlot} ${clearTags}`;
}

function ifNumber(stored: string, absent: string): string {
  return `if (typeof v === 'number') { ${stored} } else if (v == null) { ${absent} } else ${FAIL}`;
}

/**
 * Moves `at` to where an object of this alignment, of which `before` bytes come before what is aligned,
 * may lie, with zeros in between, if `bytes` of it fit.
 */
function advance(align: number, before: number, bytes: string): string {
  if (align <= WORD_BYTES) return `if (!(at + ${bytes} <= end)) ${FAIL}`;
  const target = `${alignSource(`at + ${before}`, align, 's')} - ${before}`;
  return (
    `t = ${target}; if (!(t + ${bytes} <= end)) ${FAIL} ` +
    'for (; at < t; at += 4) m.words[at >> 2] = 0;'
  );
}

/** `position` is a multiple of 4, and the event's start one of 8. */
function alignSource(position: string, align: number, start: string): string {
  if (align <= WORD_BYTES) return `(${position})`;
  if (align === 8) return `((${position} + 7) & ~7)`;
  return `(${position} + ((${start} - (${position})) & ${align - 1}))`;
}

/** By name; what every object inherits only counts if it is the event's own. */
function property(object: string, name: string): string {
  const literal = JSON.stringify(name);
  return name in Object.prototype ? `own(${object}, ${literal})` : `${object}[${literal}]`;
}

// --- Types ---

/** Tells inline types of one schema from each other. */
function inlineKey(type: ScalarType | StructType): string {
  return type.kind === 'struct' ? `struct ${type.name}` : `${type.scalar} ${type.enum?.name ?? ''}`;
}

function vectorAlign(element: Element): number {
  return Math.max(WORD_BYTES, inlineAlign(element));
}

/** The kind of typed arrays whose elements are copied at once. */
function sameTypedArray(element: ScalarType | StructType): ScalarKind | undefined {
  if (element.kind === 'struct') return undefined;
  const kind = storedKind(element);
  return kind === 'bool' ? undefined : kind;
}

/** Whether a struct has bytes that belong to none of its fields. */
function hasGaps(type: ScalarType | StructType): boolean {
  if (type.kind === 'scalar') return false;
  let bytes = 0;
  for (const { type: field } of type.fields) {
    bytes += inlineBytes(field);
    const inner = field.kind === 'array' ? field.element : field;
    if (inner.kind === 'struct' && hasGaps(inner)) return true;
  }
  return bytes < type.bytes;
}

/** The number of a union's member by its name, or the number itself; 0 for what is none. */
function tagOf({ members }: UnionType): (type: unknown) => number {
  const byName = new Map<unknown, number>(
    members.flatMap(({ name, tag }) => [
      [name, tag],
      [tag, tag],
    ]),
  );
  return (type) => byName.get(type) ?? 0;
}
