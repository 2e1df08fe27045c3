/**
 * Which fields a column plan reads, as a tree: tables once, whatever lies in them below. Paths are names
 * with dots between: through tables and structs by the field's name, through a union by the field's name
 * and the member's.
 */
import { SCALAR_BYTES } from './model.js';
import type {
  ScalarType,
  StructType,
  TableField,
  TableType,
  UnionMember,
  UnionType,
} from './model.js';

/** A field that a column is filled from. */
export interface Leaf {
  /** Number of the column. */
  readonly column: number;
  readonly path: string;
  readonly type: ScalarType | { readonly kind: 'string' };
  /** Bytes from the slot's place on; not 0 within structs. */
  readonly at: number;
  /** `undefined`: left out, it is null. */
  readonly defaultValue: number | bigint | undefined;
}

/** A slot of a table that is read, and what for. */
export interface Slot {
  readonly id: number;
  /** Bytes that it takes in the table. */
  readonly size: number;
  /** Path of the field, for errors. */
  readonly path: string;
  readonly isRequired: boolean;
  /** Scalars, at their place. */
  readonly leaves: Leaf[];
  /** The string that it leads to. */
  text: Leaf | undefined;
  /** The table that it leads to. */
  table: TableNode | undefined;
  /** Members of the union, whose discriminator has the slot before. */
  readonly members: Map<UnionMember, MemberNode>;
}

export interface MemberNode {
  table: TableNode | undefined;
  text: Leaf | undefined;
  /** Scalars of a struct, at their place in it. */
  readonly leaves: Leaf[];
}

export interface TableNode {
  readonly slots: Map<number, Slot>;
  readonly path: string;
}

/** What a column is made of. */
export interface ColumnField {
  readonly path: string;
  readonly type: Leaf['type'];
  readonly isNullable: boolean;
}

/** @throws {TypeError} a path that leads to no scalar and no string */
export function columnTree(
  root: TableType,
  paths: readonly string[],
): { root: TableNode; fields: ColumnField[] } {
  const node = tableNode('');
  const fields = paths.map((path, column) => new Path(path, column).enterTable(root, node, false));
  return { root: node, fields };
}

/** All leaves below a slot. */
export function leavesOfSlot(slot: Slot): Leaf[] {
  const members = [...slot.members.values()].flatMap(leavesOfMember);
  return [...slot.leaves, ...present(slot.text), ...leavesOfTable(slot.table), ...members];
}

export function leavesOfMember({ leaves, text, table }: MemberNode): Leaf[] {
  return [...leaves, ...present(text), ...leavesOfTable(table)];
}

function leavesOfTable(table: TableNode | undefined): Leaf[] {
  return [...(table?.slots.values() ?? [])].flatMap(leavesOfSlot);
}

function present(leaf: Leaf | undefined): Leaf[] {
  return leaf === undefined ? [] : [leaf];
}

function tableNode(path: string): TableNode {
  return { slots: new Map(), path };
}

const TAG: ScalarType = { kind: 'scalar', scalar: 'uint8', enum: undefined };

/** The way of one column through the schema, one name after the other. */
class Path {
  readonly #path: string;
  readonly #column: number;
  readonly #names: string[];
  #done: string[] = [];

  constructor(path: string, column: number) {
    this.#path = path;
    this.#column = column;
    this.#names = path.split('.');
  }

  enterTable(table: TableType, node: TableNode, isNullable: boolean): ColumnField {
    const name = this.#next(table.name);
    const field = table.fields.find((each) => each.name === name && !each.isDeprecated);
    if (field === undefined) return this.#enterTag(table, node, name, isNullable);
    const { type } = field;
    const mayBeNull = isNullable || !field.isRequired;
    switch (type.kind) {
      case 'scalar': {
        const defaultValue = field.isOptional ? undefined : field.defaultValue;
        const slot = this.#slot(node, field, SCALAR_BYTES[type.scalar]);
        return this.#scalar(slot.leaves, type, 0, defaultValue, isNullable || field.isOptional);
      }
      case 'string':
        return this.#text(this.#slot(node, field, 4), mayBeNull);
      case 'struct':
        return this.#enterStruct(type, this.#slot(node, field, type.bytes).leaves, 0, mayBeNull);
      case 'table': {
        const slot = this.#slot(node, field, 4);
        return this.enterTable(type, (slot.table ??= tableNode(slot.path)), mayBeNull);
      }
      case 'union':
        return this.#enterUnion(type, this.#slot(node, field, 4));
      default:
        return this.#refuse(`${this.#done.join('.')} is a vector`);
    }
  }

  /** The discriminator of a union, as a number. */
  #enterTag(table: TableType, node: TableNode, name: string, isNullable: boolean): ColumnField {
    const union = table.fields.find(
      (field) =>
        field.type.kind === 'union' && `${field.name}_type` === name && !field.isDeprecated,
    );
    if (union === undefined) return this.#refuseName(name, table.name, table.fields);
    const slot = this.#slot(node, { ...union, id: union.id - 1, isRequired: false }, 1);
    return this.#scalar(slot.leaves, TAG, 0, 0, isNullable);
  }

  #enterStruct(type: StructType, into: Leaf[], from: number, isNullable: boolean): ColumnField {
    const name = this.#next(type.name);
    const field = type.fields.find((each) => each.name === name);
    if (field === undefined) return this.#refuseName(name, type.name, type.fields);
    const at = from + field.at;
    if (field.type.kind === 'array') return this.#refuse(`${this.#done.join('.')} is an array`);
    if (field.type.kind === 'struct') return this.#enterStruct(field.type, into, at, isNullable);
    return this.#scalar(into, field.type, at, undefined, isNullable);
  }

  #enterUnion(union: UnionType, slot: Slot): ColumnField {
    const name = this.#next(union.name);
    const member = union.members.find((each) => each.name === name);
    if (member === undefined) return this.#refuseName(name, union.name, union.members);
    const node = slot.members.get(member) ?? { table: undefined, text: undefined, leaves: [] };
    slot.members.set(member, node);
    const { type } = member;
    if (type.kind === 'struct') return this.#enterStruct(type, node.leaves, 0, true);
    if (type.kind === 'string') return this.#text(node, true);
    return this.enterTable(type, (node.table ??= tableNode(this.#done.join('.'))), true);
  }

  #scalar(
    into: Leaf[],
    type: ScalarType,
    at: number,
    defaultValue: number | bigint | undefined,
    isNullable: boolean,
  ): ColumnField {
    this.#end(type.scalar);
    into.push({ column: this.#column, path: this.#path, type, at, defaultValue });
    return { path: this.#path, type, isNullable };
  }

  #text(into: { text: Leaf | undefined }, isNullable: boolean): ColumnField {
    this.#end('string');
    const type = { kind: 'string' } as const;
    const { text } = into;
    if (text !== undefined) return this.#refuse('it is named twice');
    into.text = { column: this.#column, path: this.#path, type, at: 0, defaultValue: undefined };
    return { path: this.#path, type, isNullable };
  }

  #slot(node: TableNode, { id, isRequired }: TableField, size: number): Slot {
    const known = node.slots.get(id);
    if (known !== undefined) return known;
    const path = this.#done.join('.');
    const members = new Map<UnionMember, MemberNode>();
    const made = {
      id,
      size,
      path,
      isRequired,
      leaves: [],
      text: undefined,
      table: undefined,
      members,
    };
    node.slots.set(id, made);
    return made;
  }

  #next(type: string): string {
    const name = this.#names[this.#done.length];
    if (name === undefined) return this.#refuse(`it is a ${type}, and not one value`);
    this.#done.push(name);
    return name;
  }

  #end(type: string): void {
    const further = this.#names[this.#done.length];
    if (further !== undefined)
      this.#refuse(`${this.#done.join('.')} is a ${type}, and has no fields`);
  }

  #refuseName(name: string, owner: string, known: readonly { readonly name: string }[]): never {
    return this.#refuse(
      `${owner} has no ${name}, but ${known.map((each) => each.name).join(', ')}`,
    );
  }

  #refuse(why: string): never {
    throw new TypeError(`Cannot read ${this.#path} as a column: ${why}`);
  }
}
