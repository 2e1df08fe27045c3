/**
 * Writes the loop of a column plan: over the records of a run, filling a row of each column. Names go in
 * as string literals only, everything else is integers of the schema.
 *
 * A table's layout (distance to the vtable, sizes, the slots that are read) is remembered from the event
 * before, if more than two slots of it are read. If its words are the same, everything that was checked
 * then holds now but for where the record ends, and fields are read at the distances known. Otherwise the
 * slots are read, checked, and remembered.
 */
import {
  leavesOfMember,
  leavesOfSlot,
  type Leaf,
  type MemberNode,
  type Slot,
  type TableNode,
} from './column-tree.js';
import type { ScalarKind, UnionMember } from './model.js';

/** How 64-bit integers become elements of columns. */
export type Int64Mode = 'exact' | 'approximate' | 'bigint';

const READS: Readonly<Record<ScalarKind, (at: string) => string>> = {
  bool: (at) => `view.getUint8(${at}) === 0 ? 0 : 1`,
  int8: (at) => `view.getInt8(${at})`,
  uint8: (at) => `view.getUint8(${at})`,
  int16: (at) => `view.getInt16(${at}, true)`,
  uint16: (at) => `view.getUint16(${at}, true)`,
  int32: (at) => `view.getInt32(${at}, true)`,
  uint32: (at) => `view.getUint32(${at}, true)`,
  int64: (at) => `view.getInt32(${at} + 4, true) * 4294967296 + view.getUint32(${at}, true)`,
  uint64: (at) => `view.getUint32(${at} + 4, true) * 4294967296 + view.getUint32(${at}, true)`,
  float32: (at) => `view.getFloat32(${at}, true)`,
  float64: (at) => `view.getFloat64(${at}, true)`,
};
const VTABLE_HEADER_BYTES = 4;
/** So few slots are read as fast as they are compared, and layouts may change from event to event. */
const MAX_DIRECT_SLOTS = 2;

/**
 * Body of a function that returns the loop: `(state, view, position, count, row, columns)`, which returns
 * the position behind the records. Of each column, `columns` has three in a row: values, lengths of
 * strings, nulls.
 */
export function columnSource(
  root: TableNode,
  nullable: readonly boolean[],
  int64: Int64Mode,
): string {
  return new LoopWriter(nullable, int64).loop(root);
}

class LoopWriter {
  readonly #nullable: readonly boolean[];
  readonly #int64: Int64Mode;
  #tables = 0;
  readonly #remembered: string[] = [];

  constructor(nullable: readonly boolean[], int64: Int64Mode) {
    this.#nullable = nullable;
    this.#int64 = int64;
  }

  loop(root: TableNode): string {
    const body = this.#table(root, 't');
    const arrays = this.#nullable.map((_, i) =>
      [
        `A${i} = columns[${3 * i}]`,
        `L${i} = columns[${3 * i + 1}]`,
        `N${i} = columns[${3 * i + 2}]`,
      ].join(', '),
    );
    return `return function fill(state, view, position, count, row, columns) {
  ${arrays.length > 0 ? `const ${arrays.join(', ')};` : ''}
  let p = position;
  const past = row + count;
  ${this.#remembered.join('\n  ')}
  for (let i = row; i < past; i++) {
    const length = view.getInt32(p, true) & 0x7fffffff;
    const start = p + 8 | 0, end = start + length | 0;
    if (length < 8) state.fail(p, i, start, 'a buffer of ' + length + ' bytes', '');
    const root = view.getInt32(start, true);
    if (root < 4 || root > length - 4) state.fail(p, i, start, 'a table lies outside of the buffer', '');
    const t = start + root | 0;
    ${body}
    p = end + 7 & ~7;
  }
  return p;
};`;
  }

  // --- Tables ---

  /** Reads the table at \`t\`, which lies within the record with its first word. */
  #table(node: TableNode, t: string): string {
    const n = this.#tables++;
    const slots = [...node.slots.values()];
    const union = slots.filter(({ members }) => members.size > 0);
    const ids = [...new Set([...slots.map(({ id }) => id), ...union.map(({ id }) => id - 1)])];
    const words = ids.length > MAX_DIRECT_SLOTS ? wordsOf(ids) : [];
    this.#declare(n, ids, words);
    const learn = this.#learn(node, n, t, ids, words);
    return `let v${n} = ${t} - S${n} | 0;
    ${words.length === 0 ? learn : `if (${isOther(n, t, words)}) { ${learn} }`}
    ${slots.map((slot) => this.#slot(slot, n, t)).join('\n')}`;
  }

  #declare(n: number, ids: readonly number[], words: readonly number[]): void {
    // Nothing is like this: a word that is 0 and -1.
    const layout = [`S${n} = 0`, `H${n} = -1`, `B${n} = 0`, `T${n} = 0`];
    const checked = words.flatMap((at) => [`Q${n}_${at} = 0`, `M${n}_${at} = 0`]);
    const distances = ids.map((id) => `D${n}_${id} = 0`);
    this.#remembered.push(`let ${[...layout, ...checked, ...distances].join(', ')};`);
  }

  #learn(
    node: TableNode,
    n: number,
    t: string,
    ids: readonly number[],
    words: readonly number[],
  ): string {
    const path = text(node.path);
    const remember = words.map((at) => {
      // Slots behind the vtable's end are something else, and not compared.
      const mask = `B${n} >= ${at + 4} ? -1 : B${n} >= ${at + 2} ? 0xffff : 0`;
      return `M${n}_${at} = ${mask};
      Q${n}_${at} = v${n} + ${at + 4} <= end ? view.getInt32(v${n} + ${at}, true) : 0;`;
    });
    const distances = ids.map((id) => {
      const slot = VTABLE_HEADER_BYTES + 2 * id;
      const size = node.slots.get(id)?.size ?? 1;
      const name = text(node.slots.get(id)?.path ?? node.path);
      return `D${n}_${id} = B${n} > ${slot} ? view.getUint16(v${n} + ${slot}, true) : 0;
      if (D${n}_${id} !== 0 && (D${n}_${id} < 4 || D${n}_${id} + ${size} > T${n})) {
        state.fail(p, i, ${t}, 'a field lies outside of its table', ${name});
      }`;
    });
    return `S${n} = view.getInt32(${t}, true);
      v${n} = ${t} - S${n};
      if (v${n} < start || v${n} > end - 4) state.fail(p, i, v${n}, 'a vtable lies outside of the buffer', ${path});
      H${n} = view.getInt32(v${n}, true);
      B${n} = H${n} & 0xffff; T${n} = H${n} >>> 16;
      if (B${n} < 4 || (B${n} & 1) !== 0 || T${n} < 4 || v${n} + B${n} > end || ${t} + T${n} > end) {
        state.fail(p, i, v${n}, 'a vtable has impossible sizes', ${path});
      }
      ${remember.join('\n      ')}
      ${distances.join('\n      ')}`;
  }

  // --- Slots ---

  #slot(slot: Slot, n: number, t: string): string {
    const d = `D${n}_${slot.id}`;
    const inline = slot.leaves
      .map((leaf) => this.#value(leaf, `${t} + ${d} + ${leaf.at}`))
      .join(' ');
    if (slot.text !== undefined || slot.table !== undefined) {
      const led = this.#followed(slot, `${t} + ${d}`, `${n}_${slot.id}`);
      return `if (${d} !== 0) { ${led} } else { ${this.#absent(slot, t)} }`;
    }
    if (slot.members.size > 0) return this.#union(slot, n, t);
    return `if (${d} !== 0) { ${inline} } else { ${this.#absent(slot, t)} }`;
  }

  /** The table, string or struct that the distance at \`q\` leads to. */
  #followed(
    { table, text: string, path }: Pick<Slot, 'table' | 'text' | 'path'>,
    q: string,
    name: string,
    struct?: { readonly leaves: readonly Leaf[]; readonly bytes: number },
  ): string {
    const size = struct?.bytes ?? 4;
    const to = `c${name}`;
    const follow = `const q${name} = ${q}, u${name} = view.getInt32(q${name}, true);
      if (u${name} <= 0 || u${name} > end - ${size} - q${name}) {
        state.fail(p, i, q${name}, 'a distance leads out of the buffer', ${text(path)});
      }
      const ${to} = q${name} + u${name} | 0;`;
    if (table !== undefined) return `${follow} ${this.#table(table, to)}`;
    const values = struct?.leaves.map((leaf) => this.#value(leaf, `${to} + ${leaf.at}`)) ?? [];
    return `${follow} ${string === undefined ? values.join(' ') : this.#string(string, to)}`;
  }

  #union(slot: Slot, n: number, t: string): string {
    const tag = `g${n}_${slot.id}`;
    const d = `D${n}_${slot.id}`;
    const members = [...slot.members].map(([member, node]) => {
      const nulls = leavesOfMember(node).map((leaf) => this.#null(leaf));
      return `if (${tag} === ${member.tag} && ${d} !== 0) {
        ${this.#member(member, node, slot.path, `${t} + ${d}`, `${n}_${slot.id}_${member.tag}`)}
      } else { ${nulls.join(' ')} }`;
    });
    const tagDistance = `D${n}_${slot.id - 1}`;
    return `const ${tag} = ${tagDistance} === 0 ? 0 : view.getUint8(${t} + ${tagDistance});
    ${members.join('\n')}`;
  }

  #member(
    { type }: UnionMember,
    { table, text: string, leaves }: MemberNode,
    path: string,
    q: string,
    name: string,
  ): string {
    const struct = type.kind === 'struct' ? { leaves, bytes: type.bytes } : undefined;
    return this.#followed({ table, text: string, path }, q, name, struct);
  }

  #absent(slot: Slot, t: string): string {
    if (slot.isRequired) {
      return `state.fail(p, i, ${t}, 'a required field is missing', ${text(slot.path)});`;
    }
    const own = slot.leaves.filter(({ defaultValue }) => defaultValue !== undefined);
    return leavesOfSlot(slot)
      .map((leaf) => (own.includes(leaf) ? this.#default(leaf) : this.#null(leaf)))
      .join(' ');
  }

  // --- Values ---

  #value(leaf: Leaf, at: string): string {
    const { column, type, path } = leaf;
    if (type.kind === 'string') return '';
    const isWide = type.scalar === 'int64' || type.scalar === 'uint64';
    const notNull = this.#mark(leaf, 0);
    if (isWide && this.#int64 === 'bigint') {
      return `A${column}[2 * i] = view.getInt32(${at}, true);
      A${column}[2 * i + 1] = view.getInt32(${at} + 4, true); ${notNull}`;
    }
    const read = READS[type.scalar](at);
    if (!isWide || this.#int64 === 'approximate') return `A${column}[i] = ${read}; ${notNull}`;
    const isUnsafe = `x${column} > 9007199254740991 || x${column} < -9007199254740991`;
    const big = `view.getBig${type.scalar === 'int64' ? 'Int' : 'Uint'}64(${at}, true)`;
    return `const x${column} = ${read};
      if (${isUnsafe}) state.failExact(p, i, ${big}, ${text(path)});
      A${column}[i] = x${column}; ${notNull}`;
  }

  #string(leaf: Leaf, at: string): string {
    const { column, path } = leaf;
    return `const l${column} = view.getInt32(${at}, true);
      if (l${column} < 0 || l${column} > end - 4 - ${at}) {
        state.fail(p, i, ${at}, 'a string leads out of the buffer', ${text(path)});
      }
      A${column}[i] = ${at} + 4; L${column}[i] = l${column}; ${this.#mark(leaf, 0)}`;
  }

  #default(leaf: Leaf): string {
    const { column, type, path, defaultValue = 0 } = leaf;
    const isWide = type.kind === 'scalar' && (type.scalar === 'int64' || type.scalar === 'uint64');
    const notNull = this.#mark(leaf, 0);
    if (isWide && this.#int64 === 'bigint') {
      const bits = BigInt.asUintN(64, BigInt(defaultValue));
      return `A${column}[2 * i] = ${Number(bits & 0xffff_ffffn)};
      A${column}[2 * i + 1] = ${Number(bits >> 32n)}; ${notNull}`;
    }
    if (typeof defaultValue === 'bigint' && this.#int64 === 'exact') {
      return `state.failExact(p, i, ${defaultValue}n, ${text(path)});`;
    }
    const value = Number(defaultValue);
    return `A${column}[i] = ${Object.is(value, -0) ? '-0' : value}; ${notNull}`;
  }

  #null(leaf: Leaf): string {
    const { column, type } = leaf;
    const mark = this.#mark(leaf, 1);
    if (type.kind === 'string') return `A${column}[i] = L${column}[i] = 0; ${mark}`;
    const isWide = type.scalar === 'int64' || type.scalar === 'uint64';
    if (!isWide || this.#int64 !== 'bigint') return `A${column}[i] = 0; ${mark}`;
    return `A${column}[2 * i] = A${column}[2 * i + 1] = 0; ${mark}`;
  }

  #mark({ column }: Leaf, isNull: number): string {
    return this.#nullable[column] === true ? `N${column}[i] = ${isNull};` : '';
  }
}

/** Whether a table's layout is not the one remembered, or does not fit into this record. */
function isOther(n: number, t: string, words: readonly number[]): string {
  const reach = Math.max(...words) + 4;
  const differs = words.map(
    (at) => `((view.getInt32(v${n} + ${at}, true) ^ Q${n}_${at}) & M${n}_${at}) !== 0`,
  );
  return [
    `v${n} < start || v${n} + B${n} > end || v${n} + ${reach} > end || ${t} + T${n} > end`,
    `view.getInt32(${t}, true) !== S${n} || view.getInt32(v${n}, true) !== H${n}`,
    ...differs,
  ].join(' || ');
}

/** Where words have to be read in a vtable so that all slots are seen. */
function wordsOf(ids: readonly number[]): number[] {
  const words: number[] = [];
  for (const id of [...ids].sort((a, b) => a - b)) {
    const at = VTABLE_HEADER_BYTES + 2 * id;
    const last = words.at(-1);
    if (last === undefined || at >= last + 4) words.push(at);
  }
  return words;
}

function text(name: string): string {
  return JSON.stringify(name);
}
