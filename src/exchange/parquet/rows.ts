/** From the entries of a file's leaves to events: what goes to which field, and how. */
import { identifierOf } from '../../capture/formats/names.js';
import { InputError } from '../../errors.js';
import { nameOfValue } from '../../events/enum-names.js';
import { parseJsonText } from '../../events/json-text.js';
import {
  hasDiscriminator,
  memberOf,
  usableFields,
  type ScalarType,
  type StructType,
  type TableField,
  type TableType,
  type Type,
  type UnionType,
} from '../../events/model.js';
import { unitNsOf } from '../../query/time-units.js';
import type { FileNode, GroupNode, LeafNode, ListNode } from './file-shape.js';
import type { FieldNames } from './infer.js';
import { LeafCursor } from './leaf-cursor.js';
import { ValueError, type StoredKind } from './stored-kinds.js';

/** Takes the value that is next. */
type Read = () => unknown;

type Target = Record<string, unknown>;

export interface RowPlan {
  /** In the order of `leaves`. */
  readonly cursors: readonly LeafCursor[];
  readonly leaves: readonly LeafNode[];
  /** Some columns are JSON for fields that are nested: the event is JSON, too. */
  readonly hasJson: boolean;
  /**
   * Fills the event with the next row.
   * @throws {ValueError} the row is none
   */
  readonly read: (event: Target) => void;
}

/**
 * Plans how columns become events of a table.
 * @throws {InputError} a column goes to no field, or to one of another type; a required field has none
 */
export function planRows(
  root: TableType,
  columns: readonly FileNode[],
  names: FieldNames,
  kindOf: (leaf: LeafNode) => StoredKind,
): RowPlan {
  const planner = new Planner(names, kindOf);
  const read = planner.table(root, columns, '');
  const { cursors, leaves } = planner;
  return { cursors, leaves, hasJson: planner.hasJson, read };
}

class Planner {
  readonly cursors: LeafCursor[] = [];
  readonly leaves: LeafNode[] = [];
  hasJson = false;
  readonly #names: FieldNames;
  readonly #kindOf: (leaf: LeafNode) => StoredKind;

  constructor(names: FieldNames, kindOf: (leaf: LeafNode) => StoredKind) {
    this.#names = names;
    this.#kindOf = kindOf;
  }

  /** What fills an object with a table's fields. */
  table(
    { name, fields }: TableType,
    nodes: readonly FileNode[],
    prefix: string,
  ): (into: Target) => void {
    const usable = fields.filter(({ isDeprecated }) => !isDeprecated);
    const taken = new Set<string>();
    const take = (field: string): string => {
      if (taken.has(field)) throw unfit(`two of its columns go to the field ${prefix}${field}`);
      taken.add(field);
      return field;
    };
    const steps: ((into: Target) => void)[] = [];
    for (const node of nodes) {
      const tagged = usable.find(
        (each) => hasDiscriminator(each) && `${each.name}_type` === node.name,
      );
      if (tagged !== undefined) {
        const key = take(`${tagged.name}_type`);
        const read = this.#tag(node, tagged.type, key);
        steps.push((into) => (into[key] = read()));
        continue;
      }
      const field = this.#fieldFor(node, usable);
      if (field === undefined) {
        throw unfit(`column ${node.path} goes to no field of ${name}, which has ${listed(usable)}`);
      }
      const key = take(field.name);
      const read = this.#field(node, field, prefix + key);
      steps.push((into) => (into[key] = read()));
    }
    const missing = usable.find((field) => field.isRequired && !taken.has(field.name));
    if (missing !== undefined) {
      throw unfit(`the field ${prefix}${missing.name} is required, and there is no column for it`);
    }
    const unions = usable.flatMap(({ name: key, type }) =>
      type.kind === 'union' && taken.has(`${key}_type`) ? [{ key, type }] : [],
    );
    return (into) => {
      for (const step of steps) step(into);
      for (const { key, type } of unions) settleUnion(into, key, type);
    };
  }

  /** By its name; by that as an identifier; a time also by its name and a unit. */
  #fieldFor(node: FileNode, fields: readonly TableField[]): TableField | undefined {
    const given = this.#names.get(node);
    const byName = (name: string): TableField | undefined =>
      fields.find((field) => field.name === name);
    const found =
      given === undefined
        ? (byName(node.name) ?? byName(identifierOf(node.name, 0)))
        : byName(given);
    if (found !== undefined || node.kind !== 'leaf') return found;
    if (this.#kindOf(node).unitNs === undefined) return undefined;
    return ['ns', 'us', 'ms', 's'].map((unit) => byName(`${node.name}_${unit}`)).find(Boolean);
  }

  #field(node: FileNode, { name, type, isOptional }: TableField, path: string): Read {
    const read = this.#value(node, type, name, path);
    if (type.kind !== 'scalar' || isOptional) return read;
    // Left out, it would be its default, which is not the same.
    return () => read() ?? nothing(path);
  }

  #value(node: FileNode, type: Type, name: string, path: string): Read {
    switch (type.kind) {
      case 'scalar':
      case 'string':
        return this.#leaf(node, type, name, path);
      case 'vector':
      case 'array':
        if (node.kind === 'list') return this.#list(node, type.element, name, path);
        if (node.kind === 'leaf' && isBytes(type.element)) {
          const kind = this.#kindOf(node);
          if (kind.type === 'bytes') return this.#cursor(node, kind.convert);
        }
        return this.#json(node, path, `a ${type.kind}`);
      case 'union':
        return this.#union(node, type, path);
      default:
        return node.kind === 'group'
          ? this.#group(node, type, path)
          : this.#json(node, path, `${type.kind} ${type.name}`);
    }
  }

  #cursor(node: LeafNode, convert: StoredKind['convert']): Read {
    const cursor = new LeafCursor(node.path, node.place.maxDefinition, convert);
    this.cursors.push(cursor);
    this.leaves.push(node);
    const { path } = node;
    return () => {
      try {
        return cursor.take();
      } catch (error) {
        throw error instanceof ValueError ? error.of(path) : error;
      }
    };
  }

  #leaf(
    node: FileNode,
    type: ScalarType | Extract<Type, { kind: 'string' }>,
    name: string,
    path: string,
  ): Read {
    const what = type.kind === 'string' ? 'a string' : (type.enum?.name ?? type.scalar);
    if (node.kind !== 'leaf') throw mismatch(node, path, what);
    const kind = this.#kindOf(node);
    if (!isFit(kind, type)) throw mismatch(node, path, what, kind.type);
    const steps = [kind.convert, inUnit(kind, name), exactly(type)].filter(
      (step) => step !== undefined,
    );
    if (steps.length < 2) return this.#cursor(node, steps[0]);
    return this.#cursor(node, (value) => steps.reduce((from, step) => step(from), value));
  }

  #group(node: GroupNode, type: TableType | StructType, path: string): Read {
    const first = this.cursors.length;
    const fill =
      type.kind === 'table'
        ? this.table(type, node.children, `${path}.`)
        : this.table(asTable(type), node.children, `${path}.`);
    return this.#optional(node, first, () => {
      const object: Target = {};
      fill(object);
      return object;
    });
  }

  #list(node: ListNode, type: Type, name: string, path: string): Read {
    const first = this.cursors.length;
    const read = this.#value(node.element, type, name, path);
    const within = this.cursors.slice(first);
    const leader = within[0] as LeafCursor;
    const { definition, repetition } = node;
    return this.#optional(node, first, () => {
      const elements: unknown[] = [];
      if (leader.definition === definition) {
        for (const cursor of within) cursor.take();
        return elements;
      }
      do elements.push(read() ?? nothing(`an element of ${path}`));
      while (leader.repetition === repetition);
      return elements;
    });
  }

  /** Null where the entries end above the node. */
  #optional(node: GroupNode | ListNode, first: number, read: Read): Read {
    if (!node.isOptional) return read;
    const within = this.cursors.slice(first);
    const leader = within[0] as LeafCursor;
    return () => {
      if (leader.definition >= node.definition) return read();
      for (const cursor of within) cursor.take();
      return null;
    };
  }

  /** An object with its members, of which one is to be there. */
  #union(node: FileNode, type: UnionType, path: string): Read {
    if (node.kind !== 'group') return this.#json(node, path, `union ${type.name}`);
    const first = this.cursors.length;
    const reads = node.children.map((child) => {
      const member = type.members.find(({ name }) => name === child.name);
      if (member === undefined) throw unfit(`column ${child.path} is no member of ${type.name}`);
      const read = this.#value(child, member.type, member.name, `${path}.${member.name}`);
      return { name: member.name, read };
    });
    return this.#optional(node, first, () => {
      const object: Target = {};
      for (const { name, read } of reads) object[name] = read();
      return new Members(object);
    });
  }

  /** Which member a union has: a name, or its number; of a vector of unions, a list of those as JSON. */
  #tag(node: FileNode, type: Type, key: string): Read {
    if (type.kind !== 'union') return this.#json(node, key, 'a vector of types');
    if (node.kind !== 'leaf') throw mismatch(node, node.path, `which of ${type.name} it is`);
    return this.#cursor(node, this.#kindOf(node).convert);
  }

  #json(node: FileNode, path: string, what: string): Read {
    if (node.kind !== 'leaf' || this.#kindOf(node).type !== 'string') {
      throw mismatch(node, path, what);
    }
    this.hasJson = true;
    const { convert } = this.#kindOf(node);
    return this.#cursor(node, (value) => {
      try {
        return parseJsonText((convert?.(value) ?? value) as string);
      } catch (error) {
        if (error instanceof ValueError) throw error;
        throw new ValueError('text that is no JSON');
      }
    });
  }
}

/** Values of a union by the names of members. */
class Members {
  readonly values: Readonly<Target>;

  constructor(values: Target) {
    this.values = values;
  }
}

function settleUnion(into: Target, name: string, type: UnionType): void {
  const key = `${name}_type`;
  const found = into[key];
  const member = memberOf(type, found);
  const value = into[name];
  if (member === undefined) {
    const isNone = found === null || found === 'NONE' || found === 0;
    if (!isNone) throw new ValueError(`a member that there is not: ${JSON.stringify(found)}`, key);
    into[key] = undefined;
    into[name] = undefined;
    return;
  }
  into[key] = member.name;
  const isEmpty = member.type.kind === 'table' && usableFields(member.type).length === 0;
  if (value instanceof Members) into[name] = value.values[member.name] ?? (isEmpty ? {} : null);
  else if (isEmpty && (value === undefined || value === null)) into[name] = {};
}

/** A struct's fields are like those of a table that are all required; the check of the event says so. */
function asTable({ name, fields }: StructType): TableType {
  const common = { defaultValue: 0, isOptional: false, isRequired: true, isDeprecated: false };
  return {
    kind: 'table',
    name,
    fields: fields.map(({ name: field, type }, id) => ({
      ...common,
      name: field,
      type: type as TableField['type'],
      id,
    })),
  };
}

function isBytes(type: Type): boolean {
  return type.kind === 'scalar' && type.scalar === 'uint8' && type.enum === undefined;
}

const INTEGERS = ['byte', 'ubyte', 'short', 'ushort', 'int', 'uint', 'long', 'ulong'];
const FLOATS = ['float', 'double'];

function isFit(
  { type: stored }: StoredKind,
  type: ScalarType | { readonly kind: 'string' },
): boolean {
  if (type.kind === 'string') return stored === 'string';
  if (type.enum !== undefined) return stored === 'string' || INTEGERS.includes(stored);
  if (type.scalar === 'bool') return stored === 'bool';
  if (INTEGERS.includes(stored)) return true;
  return type.scalar.startsWith('float') && FLOATS.includes(stored);
}

/** Numbers that a float cannot hold are refused rather than rounded. */
function exactly(
  type: ScalarType | { readonly kind: 'string' },
): ((value: unknown) => unknown) | undefined {
  if (type.kind === 'string') return undefined;
  const { scalar, enum: of } = type;
  // The number of a name that is not known is as good as the name.
  if (of !== undefined) {
    return (value) => (typeof value === 'string' ? value : nameOfValue(of, value as number));
  }
  if (!scalar.startsWith('float')) return undefined;
  return (value) => {
    const number = Number(value);
    const rounded = scalar === 'float32' ? Math.fround(number) : number;
    const isSame = typeof value === 'bigint' ? BigInt(number) === value : true;
    if (isSame && Object.is(rounded, number)) return number;
    throw new ValueError(`${String(value)}, which would be rounded`);
  };
}

/** Times in the unit that a field's name says. */
function inUnit({ unitNs }: StoredKind, field: string): ((value: unknown) => unknown) | undefined {
  const wanted = unitNsOf(field);
  if (unitNs === undefined || wanted === undefined || wanted === unitNs) return undefined;
  if (unitNs > wanted) {
    const factor = unitNs / wanted;
    return (value) => {
      const product = (value as number) * factor;
      if (typeof value === 'number' && Number.isSafeInteger(product)) return product;
      const exact = BigInt(value as number | bigint) * BigInt(factor);
      if (BigInt.asIntN(64, exact) === exact) return exact;
      throw new ValueError(`a time that does not fit into 64 bits of the unit of ${field}`);
    };
  }
  const divisor = BigInt(wanted / unitNs);
  return (value) => {
    const integer = BigInt(value as number | bigint);
    if (integer % divisor === 0n) return Number(integer / divisor);
    throw new ValueError(`a time that is no multiple of the unit of ${field}`);
  };
}

function nothing(path: string): never {
  throw new ValueError('nothing, where there must be a value', path);
}

function unfit(why: string): InputError {
  return new InputError(why);
}

function mismatch(node: FileNode, path: string, what: string, found?: string): InputError {
  const is = found ?? { leaf: 'a single value', group: 'a group', list: 'a list' }[node.kind];
  return unfit(`column ${node.path} is ${is}, and the field ${path} is ${what}`);
}

function listed(fields: readonly TableField[]): string {
  return fields.map(({ name }) => name).join(', ');
}
