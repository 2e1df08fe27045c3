/** Events of what has been read from columns. */
import { parseJsonText, toJsonText } from '../../events/json-text.js';
import { fromJsonValues } from '../../events/json-values.js';
import type { TableType } from '../../events/model.js';
import type { Bound, BoundField } from './binding.js';
import { RowError } from './vectors.js';

type Plain = Record<string, unknown>;
type Convert = (value: unknown) => unknown;

/** Makes an event of the values of a row, by the names of their fields; of the same object, if it can be. */
export function eventMaker(
  fields: readonly BoundField[],
  root: TableType,
): (values: Plain) => Plain {
  const convert = ofFields(fields);
  const hasJson = fields.some(holdsJson);
  return hasJson
    ? (values) => fromJsonValues(root, convert(values)) as Plain
    : (values) => convert(values) as Plain;
}

function holdsJson({ use }: Bound): boolean {
  switch (use.kind) {
    case 'json':
      return true;
    case 'list':
      return holdsJson(use.element);
    case 'wrapped':
      return holdsJson(use.value);
    case 'fields':
      return use.fields.some(holdsJson);
    case 'members':
      return use.members.some(holdsJson);
    default:
      return false;
  }
}

/** `undefined`: values stay as they are. */
function converterOf(bound: Bound): Convert | undefined {
  const { use } = bound;
  switch (use.kind) {
    case 'value':
      return undefined;
    case 'json':
      return (value) => fromText(value, bound);
    case 'fields':
      return ofFields(use.fields);
    case 'members':
      return ofFields(use.members);
    case 'wrapped': {
      const convert = converterOf(use.value);
      return (items) => ({ items: convert === undefined ? items : unlessMissing(items, convert) });
    }
    default: {
      const convert = converterOf(use.element);
      if (convert === undefined) return undefined;
      return (list) => (list as unknown[]).map((value) => unlessMissing(value, convert));
    }
  }
}

function unlessMissing(value: unknown, convert: Convert): unknown {
  return value === null || value === undefined ? value : convert(value);
}

function ofFields(fields: readonly BoundField[]): Convert {
  const converted = fields.flatMap(({ name, use, read }) => {
    const convert = converterOf({ use, read });
    return convert === undefined ? [] : [{ name, convert }];
  });
  const unions = fields.filter(({ use }) => use.kind === 'members').map(({ name }) => name);
  return (value) => {
    const object = value as Plain;
    for (const { name, convert } of converted) {
      object[name] = unlessMissing(object[name], convert);
    }
    for (const name of unions) chooseMember(object, name);
    return object;
  };
}

/** A union's value is that of the member that is named. */
function chooseMember(object: Plain, name: string): void {
  const type = object[`${name}_type`];
  const members = object[name] as Plain | null | undefined;
  if (typeof type !== 'string' || members === null || members === undefined) return;
  object[name] = Object.hasOwn(members, type) ? members[type] : null;
}

function fromText(value: unknown, { read }: Bound): unknown {
  try {
    return parseJsonText(value as string);
  } catch (error) {
    const path = JSON.stringify(read.column.path);
    throw new RowError(`${path} is no JSON: ${(error as Error).message}`, { cause: error });
  }
}

/** What is kept of a row that is refused. */
export function rowText(values: Plain): Uint8Array {
  return Buffer.from(toJsonText(plainOf(values)));
}

function plainOf(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plainOf);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plainOf(each)]));
}
