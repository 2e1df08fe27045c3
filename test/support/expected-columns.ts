/** What the columns of events should hold, by walking plain events. */
import { valueOfName } from '../../src/events/enum-names.js';
import type { ScalarType, StructType, TableType, Type } from '../../src/events/model.js';
import type { Plain } from './random-schemas.js';

/** `undefined`: there is no value. Booleans are 0 and 1, enums and discriminators are numbers. */
export type Expected = number | bigint | string | undefined;

export interface ExpectedColumn {
  readonly path: string;
  readonly type: ScalarType | { readonly kind: 'string' };
  readonly of: (event: Plain) => Expected;
}

type Get = (event: Plain) => unknown;
const TAG: ScalarType = { kind: 'scalar', scalar: 'uint8', enum: undefined };

/** Every column that events of this table can have. */
export function expectedColumns(table: TableType): ExpectedColumn[] {
  return ofTable(table, '', (event) => event);
}

function ofTable({ fields }: TableType, before: string, get: Get): ExpectedColumn[] {
  return fields.flatMap(({ name, type, isOptional, defaultValue }): ExpectedColumn[] => {
    const path = before + name;
    const value: Get = (event) => (get(event) as Plain | undefined)?.[name];
    if (type.kind === 'scalar') {
      const absent = isOptional ? undefined : defaultValue;
      const of = (event: Plain): Expected =>
        get(event) === undefined ? undefined : (toNumber(type, value(event)) ?? absent);
      return [{ path, type, of }];
    }
    if (type.kind !== 'union') return ofReference(type, path, value);
    const tagName: Get = (event) => (get(event) as Plain | undefined)?.[`${name}_type`];
    const tagOf = (event: Plain): Expected =>
      get(event) === undefined
        ? undefined
        : (type.members.find((member) => member.name === tagName(event))?.tag ?? 0);
    const members = type.members.flatMap((member) =>
      ofReference(member.type, `${path}.${member.name}`, (event) =>
        tagName(event) === member.name ? value(event) : undefined,
      ),
    );
    return [{ path: `${path}_type`, type: TAG, of: tagOf }, ...members];
  });
}

function ofReference(type: Type, path: string, get: Get): ExpectedColumn[] {
  if (type.kind === 'table') return ofTable(type, `${path}.`, get);
  if (type.kind === 'struct') return ofStruct(type, `${path}.`, get);
  if (type.kind !== 'string') return [];
  return [{ path, type, of: (event) => get(event) as string | undefined }];
}

function ofStruct({ fields }: StructType, before: string, get: Get): ExpectedColumn[] {
  return fields.flatMap(({ name, type }): ExpectedColumn[] => {
    const value: Get = (event) => (get(event) as Plain | undefined)?.[name];
    const path = before + name;
    if (type.kind === 'struct') return ofStruct(type, `${path}.`, value);
    if (type.kind === 'array') return [];
    return [{ path, type, of: (event) => toNumber(type, value(event)) }];
  });
}

function toNumber(type: ScalarType, value: unknown): number | bigint | undefined {
  if (typeof value === 'boolean') return Number(value);
  if (typeof value === 'string' && type.enum !== undefined) return valueOfName(type.enum, value);
  return value as number | bigint | undefined;
}
