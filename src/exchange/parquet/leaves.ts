/** What is stored of a tree of columns: values of its leaves, and how they belong together. */
import type { SchemaElement } from 'hyparquet';
import type { Column } from '../../events/columns.js';
import { UnfitValueError } from './unfit-value.js';
import type { LeafShape, Shape } from './shape.js';
import { leafElement } from './shape.js';
import { grown, sinkFor, type Slice, type ValueSink } from './sinks.js';

const FIRST_ROOM = 4096;

/** Levels as they follow one another: small numbers. */
export class Levels {
  values = new Uint8Array(FIRST_ROOM);
  count = 0;

  add(level: number): void {
    if (this.count === this.values.length) this.values = grown(this.values, this.count + 1);
    this.values[this.count++] = level;
  }

  /** Room for so many more. */
  reserve(count: number): void {
    const needed = this.count + count;
    if (needed > this.values.length) this.values = grown(this.values, needed);
  }
}

/**
 * A leaf of the file's schema. Definition levels say how much of the path to a value is there: a number for
 * each optional or repeated part of it; repetition levels which list goes on.
 */
export class Leaf {
  readonly shape: LeafShape;
  readonly element: SchemaElement;
  readonly path: readonly string[];
  readonly maxDefinition: number;
  readonly maxRepetition: number;
  readonly sink: ValueSink;
  readonly definitions = new Levels();
  readonly repetitions = new Levels();

  constructor(
    shape: LeafShape,
    path: readonly string[],
    maxDefinition: number,
    maxRepetition: number,
  ) {
    this.shape = shape;
    this.element = leafElement(shape);
    this.path = path;
    this.maxDefinition = maxDefinition;
    this.maxRepetition = maxRepetition;
    this.sink = sinkFor(shape);
  }

  /** Values, and what is missing. */
  get count(): number {
    return this.maxDefinition === 0 ? this.sink.count : this.definitions.count;
  }

  /** Values of rows: in a leaf that is no part of a list. */
  addColumn(column: Column, slice: Slice): void {
    this.sink.addColumn(column, slice);
    if (this.maxDefinition === 0) return;
    const { nulls } = column;
    const { batch, from, to } = slice;
    const levels = this.definitions;
    levels.reserve(to - from);
    const { values } = levels;
    for (let i = from; i < to; i++) {
      const isMissing = nulls?.[batch.rows[i] as number] === 1;
      values[levels.count++] = isMissing ? 0 : this.maxDefinition;
    }
  }

  addLevels(repetition: number, definition: number): void {
    if (this.maxDefinition > 0) this.definitions.add(definition);
    if (this.maxRepetition > 0) this.repetitions.add(repetition);
  }

  clear(): void {
    this.sink.clear();
    this.definitions.count = 0;
    this.repetitions.count = 0;
  }
}

/** Puts a value into leaves; both levels are those of what is around it. */
type Put = (value: unknown, repetition: number, definition: number, offset: number) => void;

export interface Tree {
  readonly leaves: readonly Leaf[];
  /** Takes the value of one row apart. */
  put(value: unknown, offset: number): void;
}

export function treeOf(shape: Shape): Tree {
  const leaves: Leaf[] = [];
  const put = putInto(shape, [], 0, 0, leaves);
  return { leaves, put: (value, offset) => put(value, 0, 0, offset) };
}

/** Adds the leaves of a shape, whose parents have these levels at most, and returns what fills them. */
function putInto(
  shape: Shape,
  above: readonly string[],
  maxDefinition: number,
  maxRepetition: number,
  leaves: Leaf[],
): Put {
  const path = [...above, shape.name];
  const own = maxDefinition + (shape.isOptional ? 1 : 0);
  const first = leaves.length;
  if (shape.kind === 'leaf') {
    const leaf = new Leaf(shape, path, own, maxRepetition);
    leaves.push(leaf);
    return putLeaf(leaf);
  }
  if (shape.kind === 'group') {
    const children = shape.children.map(({ shape: child, read }) => ({
      read,
      put: putInto(child, path, own, maxRepetition, leaves),
    }));
    const within = leaves.slice(first);
    return (value, repetition, definition, offset) => {
      if (isNothing(value)) {
        putNothing(shape, within, repetition, definition, offset);
        return;
      }
      const inside = definition + own - maxDefinition;
      for (const { read, put } of children) {
        put(read(value as Record<string, unknown>), repetition, inside, offset);
      }
    };
  }
  const repeated = maxRepetition + 1;
  const put = putInto(shape.element, [...path, 'list'], own + 1, repeated, leaves);
  const within = leaves.slice(first);
  return (value, repetition, definition, offset) => {
    if (isNothing(value)) {
      putNothing(shape, within, repetition, definition, offset);
      return;
    }
    const inside = definition + own - maxDefinition;
    const elements = value as readonly unknown[];
    if (elements.length === 0) {
      for (const leaf of within) leaf.addLevels(repetition, inside);
    }
    for (let i = 0; i < elements.length; i++) {
      put(elements[i], i === 0 ? repetition : repeated, inside + 1, offset);
    }
  };
}

function putLeaf(leaf: Leaf): Put {
  const { shape, sink } = leaf;
  const step = shape.isOptional ? 1 : 0;
  return (value, repetition, definition, offset) => {
    if (isNothing(value)) {
      putNothing(shape, [leaf], repetition, definition, offset);
      return;
    }
    sink.add(shape.convert(value), offset);
    leaf.addLevels(repetition, definition + step);
  };
}

function putNothing(
  shape: Shape,
  leaves: readonly Leaf[],
  repetition: number,
  definition: number,
  offset: number,
): void {
  if (!shape.isOptional) {
    throw new UnfitValueError(shape.name, 'it is missing, and the schema requires it', offset);
  }
  for (const leaf of leaves) leaf.addLevels(repetition, definition);
}

function isNothing(value: unknown): boolean {
  return value === null || value === undefined;
}
