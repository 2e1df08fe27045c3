/** A schema for the columns of a file that has none of ours. */
import { InputError } from '../../errors.js';
import { defineTables, type PlainEvent } from '../../events/define-schema.js';
import type {
  FieldType,
  TableDefinition,
  TableFieldDefinition,
  TableFieldType,
} from '../../events/write-schema.js';
import type { EventSchema } from '../../events/schema.js';
import { DECIMALS_CHOICE } from '../import-choices.js';
import { ITEMS, isWrapped, type BindOptions } from './binding.js';
import { fieldNames } from './column-names.js';
import { typeWord, type ArrowColumn, type ColumnType } from './column-types.js';

/** @throws {InputError} a type that there is nothing for */
export function inferSchema(
  columns: readonly ArrowColumn[],
  table: string,
  options: BindOptions,
  file: string,
): EventSchema<PlainEvent> {
  if (columns.length === 0) throw new InputError(`Cannot read ${file}: it has no columns`);
  return defineTables(new Inference(options, file).table(columns, table));
}

class Inference {
  readonly #options: BindOptions;
  readonly #file: string;

  constructor(options: BindOptions, file: string) {
    this.#options = options;
    this.#file = file;
  }

  /** Of a union, whatever is not the one member that is there is null. */
  table(columns: readonly ArrowColumn[], name: string, isOfUnion = false): TableDefinition {
    const names = fieldNames(columns);
    const fields = columns.map((column, i): TableFieldDefinition => {
      const field = names[i] as string;
      const type = this.#type(column, `${name}_${field}`);
      const isOptional = isOfUnion || column.isNullable;
      const optional = typeof type === 'string' && type !== 'string' && isOptional;
      return { name: field, type, optional, ...commentOn(column, field) };
    });
    return { name, fields };
  }

  #type(column: ArrowColumn, table: string): TableFieldType {
    const { type, children } = column;
    const child = children[0];
    switch (type.kind) {
      case 'struct':
      case 'union':
        return { table: this.table(children, table, type.kind === 'union') };
      case 'list':
      case 'fixed-list':
        return { vector: this.#element(child as ArrowColumn, table) };
      case 'binary':
      case 'fixed-binary':
        return { vector: 'ubyte' };
      default:
        return this.#scalar(column, type);
    }
  }

  #element(child: ArrowColumn, table: string): FieldType | TableDefinition {
    const type = this.#type(child, table);
    if (typeof type === 'string') return type;
    if (!isWrapped(child)) return 'table' in type ? type.table : 'string';
    return { name: table, fields: [{ name: ITEMS, type: this.#type(child, `${table}_${ITEMS}`) }] };
  }

  #scalar(column: ArrowColumn, type: ColumnType): FieldType {
    switch (type.kind) {
      case 'bool':
        return 'bool';
      case 'int':
        return type.isSigned ? SIGNED[type.bits] : UNSIGNED[type.bits];
      case 'float':
        return type.bits === 64 ? 'double' : 'float';
      case 'time':
        // Days become seconds.
        return type.bits === 32 && !type.isInstant ? 'int' : 'long';
      case 'null':
      case 'text':
        return 'string';
      case 'decimal':
        if (this.#options.decimals === 'error')
          return this.#refuse(column, `; ${DECIMALS_CHOICE}, or`);
        return this.#options.decimals === 'text' ? 'string' : 'double';
      default:
        return this.#refuse(column, ', which is not supported;');
    }
  }

  #refuse({ path, type }: ArrowColumn, why: string): never {
    const what = `column ${JSON.stringify(path)} is of ${typeWord(type)}`;
    throw new InputError(`Cannot read ${this.#file}: ${what}${why} or leave it out (columns)`);
  }
}

const SIGNED = { 8: 'byte', 16: 'short', 32: 'int', 64: 'long' } as const;
const UNSIGNED = { 8: 'ubyte', 16: 'ushort', 32: 'uint', 64: 'ulong' } as const;

function commentOn({ name, type }: ArrowColumn, field: string): { comment?: string } {
  const parts = [...(name === field ? [] : [name]), ...(type.kind === 'time' ? [type.word] : [])];
  // A line of a comment is one line.
  return parts.length === 0 ? {} : { comment: parts.join(', ').replaceAll(/\s+/g, ' ') };
}
