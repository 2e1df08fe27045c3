/** Everything that a view shows, as data that can be compared: also what it throws. */
import { MalformedEventError } from '../../src/index.js';
import type { StructType, TableType, Type } from '../../src/events/model.js';
import type { EventVector, FieldsView } from '../../src/events/view.js';

type View = FieldsView & Readonly<Record<string, unknown>>;

/** Damaged events can lead to the same place from everywhere: somebody has to stop. */
export class ViewReading {
  #left = 3000;

  table(view: View, { fields }: TableType): unknown {
    const shown: unknown[] = [];
    for (const { name, type } of fields) {
      if (this.#left-- < 0) break;
      const isUnion = type.kind === 'union';
      const element = type.kind === 'vector' ? type.element : type;
      if (isUnion || element.kind === 'union') {
        shown.push(this.#attempt(() => this.#list(view[`${name}_type`])));
      }
      shown.push(this.#attempt(() => this.#value(view[name], type, view, name)));
    }
    return shown;
  }

  #value(value: unknown, type: Type, owner: View, name: string): unknown {
    if (value === undefined || value === null) return value;
    if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<unknown>);
    if (type.kind === 'table') return this.table(value as View, type);
    if (type.kind === 'struct') return this.#struct(value as View, type);
    if (type.kind === 'union') {
      const member = type.members.find((each) => each.name === owner[`${name}_type`]);
      return this.#value(value, member?.type as Type, owner, name);
    }
    if (type.kind !== 'vector' && type.kind !== 'array') return value;
    const { element } = type;
    const vector = value as EventVector<unknown>;
    const shown: unknown[] = [vector.length];
    for (let i = 0; i < vector.length && this.#left-- > 0; i++) {
      shown.push(this.#attempt(() => this.#element(vector.at(i), element, owner, name, i)));
    }
    return shown;
  }

  #element(value: unknown, type: Type, owner: View, name: string, index: number): unknown {
    if (type.kind !== 'union') return this.#value(value, type, owner, name);
    const names = owner[`${name}_type`] as EventVector<string>;
    const member = type.members.find((each) => each.name === names.at(index));
    return member === undefined ? value : this.#value(value, member.type, owner, name);
  }

  #struct(view: View, { fields }: StructType): unknown {
    return fields.map(({ name, type }) =>
      this.#attempt(() => this.#value(view[name], type, view, name)),
    );
  }

  #list(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return value;
    const names = value as EventVector<unknown>;
    return Array.from({ length: Math.min(names.length, 100) }, (_, i) => names.at(i));
  }

  #attempt(read: () => unknown): unknown {
    try {
      return read();
    } catch (error) {
      return allowed(error);
    }
  }
}

/** What a damaged event may make of itself; anything else is thrown again. */
export function allowed(error: unknown): string {
  if (error instanceof MalformedEventError) return error.message;
  if (error instanceof RangeError && / is past 2\^53/.test(error.message)) return error.message;
  throw error;
}
