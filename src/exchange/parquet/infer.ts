/** Schemas for Parquet files that others have written. */
import { uniqueIdentifiers } from '../../capture/formats/names.js';
import { defineTables, type PlainEvent } from '../../events/define-schema.js';
import type { TableDefinition, TableFieldDefinition } from '../../events/write-schema.js';
import type { EventSchema } from '../../events/schema.js';
import { UNIT_NS, unitNsOf } from '../../query/time-units.js';
import type { FileNode, GroupNode, LeafNode } from './file-shape.js';
import type { StoredKind } from './stored-kinds.js';

/** Of fields and tables that are called otherwise than their columns. */
export type FieldNames = ReadonlyMap<FileNode, string>;

export interface Inferred {
  readonly schema: EventSchema<PlainEvent>;
  readonly names: FieldNames;
}

/** Unit of fields for what is stored as days. */
const DAYS_AS = 'ms';

/** @throws {TypeError} a column for which there is no field: names it */
export function inferSchema(
  columns: readonly FileNode[],
  table: string,
  kindOf: (leaf: LeafNode) => StoredKind,
): Inferred {
  const names = new Map<FileNode, string>();
  let tables = 0;
  const fieldFor = (node: FileNode, name: string): TableFieldDefinition => {
    names.set(node, name);
    const common = name === node.name ? { name } : { name, comment: inOneLine(node.name) };
    if (node.kind === 'group') return { ...common, type: { table: tableFor(node) } };
    if (node.kind === 'leaf') {
      const { type } = kindOf(node);
      if (type === 'bytes') return { ...common, type: { vector: 'ubyte' } };
      if (type === 'string') return { ...common, type };
      return { ...common, type, optional: node.isOptional };
    }
    const { element } = node;
    if (element.kind === 'group') return { ...common, type: { vector: tableFor(element) } };
    const type = element.kind === 'leaf' ? kindOf(element).type : 'bytes';
    if (type === 'bytes') {
      const why = 'it is a list of lists, or of bytes, for which there is no type';
      throw new TypeError(`Cannot take column ${node.path}: ${why}`);
    }
    return { ...common, type: { vector: type } };
  };
  const fieldsOf = (nodes: readonly FileNode[]): TableFieldDefinition[] => {
    const wanted = uniqueIdentifiers(nodes.map((node) => nameWithUnit(node, kindOf)));
    return nodes.map((node, i) => fieldFor(node, wanted[i] as string));
  };
  // Numbers make names of tables differ.
  const tableFor = (group: GroupNode): TableDefinition => {
    const name = `${table}_${++tables}_${uniqueIdentifiers([group.name])[0]}`;
    return { name, fields: fieldsOf(group.children) };
  };
  return { schema: defineTables({ name: table, fields: fieldsOf(columns) }), names };
}

/** As a line of a comment. */
function inOneLine(name: string): string {
  return name.replaceAll(/\s+/g, ' ');
}

/** Times say their unit by their names. */
function nameWithUnit(node: FileNode, kindOf: (leaf: LeafNode) => StoredKind): string {
  const leaf = node.kind === 'list' ? node.element : node;
  if (leaf.kind !== 'leaf') return node.name;
  const { unitNs } = kindOf(leaf);
  if (unitNs === undefined || unitNsOf(node.name) !== undefined) return node.name;
  const unit = Object.keys(UNIT_NS).find((each) => UNIT_NS[each] === unitNs) ?? DAYS_AS;
  return `${node.name}_${unit}`;
}
