/** The columns of a Parquet file, as a tree in which lists are lists, however they are written. */
import type { SchemaElement, SchemaTree } from 'hyparquet';
import type { LeafPlace } from './pages.js';

interface Common {
  readonly name: string;
  /** As people call it. */
  readonly path: string;
  /** Definition level of entries in which it is there. */
  readonly definition: number;
  readonly isOptional: boolean;
}

export interface LeafNode extends Common {
  readonly kind: 'leaf';
  readonly element: SchemaElement;
  readonly place: LeafPlace;
}

export interface GroupNode extends Common {
  readonly kind: 'group';
  readonly children: readonly FileNode[];
}

export interface ListNode extends Common {
  readonly kind: 'list';
  /** Repetition level of its second element, and those that follow. */
  readonly repetition: number;
  readonly element: FileNode;
  /** Of keys and values. */
  readonly isMap: boolean;
}

export type FileNode = LeafNode | GroupNode | ListNode;

/** Nobody needs as many. */
const MAX_DEPTH = 64;
const MAX_LEAVES = 100_000;

/**
 * The columns of a file, in its order.
 * @throws {RangeError | TypeError} the tree makes no sense
 */
export function fileColumns(elements: readonly SchemaElement[], tree: SchemaTree): FileNode[] {
  if (elements.length > MAX_LEAVES) throw new RangeError(`it has ${elements.length} columns`);
  if (tree.count !== elements.length) throw new RangeError('its columns make no tree');
  return tree.children.map((child) => nodeOf(child, { path: [], definition: 0, repetition: 0 }));
}

/** What is around a node. */
interface Around {
  readonly path: readonly string[];
  readonly definition: number;
  readonly repetition: number;
}

function nodeOf(tree: SchemaTree, around: Around): FileNode {
  const { repetition_type, name } = tree.element;
  if (around.path.length > MAX_DEPTH) throw new RangeError('its columns are nested too deep');
  const path = [...around.path, name];
  if (repetition_type !== 'REPEATED') {
    return insideOf(tree, around, repetition_type === 'OPTIONAL');
  }
  // A list by itself, as older writers have them.
  const inside = {
    path: around.path,
    definition: around.definition + 1,
    repetition: around.repetition + 1,
  };
  return {
    kind: 'list',
    name,
    path: path.join('.'),
    definition: around.definition,
    isOptional: false,
    repetition: inside.repetition,
    element: insideOf(tree, inside, false),
    isMap: false,
  };
}

/** Without regard to whether it is repeated. */
function insideOf(tree: SchemaTree, around: Around, isOptional: boolean): FileNode {
  const { element, children } = tree;
  const { name } = element;
  const path = [...around.path, name];
  const definition = around.definition + (isOptional ? 1 : 0);
  const common = { name, path: path.join('.'), definition, isOptional };
  const within = { path, definition, repetition: around.repetition };
  if (children.length === 0) return leafOf(element, common, within);
  const { converted_type, logical_type } = element;
  const isMap =
    converted_type === 'MAP' || converted_type === 'MAP_KEY_VALUE' || logical_type?.type === 'MAP';
  const isList = converted_type === 'LIST' || logical_type?.type === 'LIST';
  const only = children.length === 1 ? children[0] : undefined;
  if (only === undefined || only.element.repetition_type !== 'REPEATED' || !(isList || isMap)) {
    return { kind: 'group', ...common, children: children.map((child) => nodeOf(child, within)) };
  }
  const repeated = { ...within, definition: definition + 1, repetition: within.repetition + 1 };
  const list = { kind: 'list', ...common, repetition: repeated.repetition, isMap } as const;
  if (!isMap && isWrapper(only, name)) {
    const inner = { ...repeated, path: [...path, only.element.name] };
    return { ...list, element: nodeOf(only.children[0] as SchemaTree, inner) };
  }
  return { ...list, element: insideOf(only, repeated, false) };
}

/** Whether the repeated group stands only around the element; older writers have the element itself. */
function isWrapper({ element, children }: SchemaTree, list: string): boolean {
  if (children.length !== 1) return false;
  return element.name !== 'array' && element.name !== `${list}_tuple`;
}

function leafOf(
  element: SchemaElement,
  common: Common,
  { path, definition, repetition }: Around,
): LeafNode {
  const { type, type_length } = element;
  if (type === undefined) throw new RangeError(`column ${common.path} has nothing in it`);
  if (definition > 255 || repetition > 255) throw new RangeError('its columns are nested too deep');
  const place = {
    path,
    type,
    typeLength: type_length,
    maxDefinition: definition,
    maxRepetition: repetition,
  };
  return { kind: 'leaf', ...common, element, place };
}

/** In the order in which a walk meets them. */
export function leavesOf(node: FileNode): LeafNode[] {
  if (node.kind === 'leaf') return [node];
  return node.kind === 'list' ? leavesOf(node.element) : node.children.flatMap(leavesOf);
}
