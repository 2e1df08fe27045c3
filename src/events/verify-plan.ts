/** What a verifier looks at, made once for each schema. */
import { inlineAlign, inlineBytes } from './bfbs.js';
import { DISTANCE_BYTES, SLOT_BYTES, VTABLE_HEADER_BYTES } from './flat-bytes.js';
import type { TableField, TableType, UnionType } from './model.js';

/** Kinds of fields. */
export const INLINE = 0;
export const STRING = 1;
export const TABLE = 2;
export const INLINE_VECTOR = 3;
export const STRING_VECTOR = 4;
export const TABLE_VECTOR = 5;
export const UNION = 6;
export const UNION_VECTOR = 7;

export interface TablePlan {
  /** By slot, so that the types of unions come before them. */
  fields: readonly FieldPlan[];
}

export interface FieldPlan {
  readonly name: string;
  readonly kind: number;
  /** Position in the vtable. */
  readonly slot: number;
  /** Of the field itself, in the table. */
  readonly bytes: number;
  readonly mask: number;
  readonly elementBytes: number;
  readonly elementMask: number;
  readonly isRequired: boolean;
  readonly table: TablePlan | undefined;
  /** By tag; holes where the schema knows none. */
  readonly members: readonly (MemberPlan | undefined)[];
}

export interface MemberPlan {
  readonly kind: number;
  readonly bytes: number;
  readonly mask: number;
  readonly table: TablePlan | undefined;
}

type Planned = Pick<FieldPlan, 'kind'> & Partial<FieldPlan>;

/** Plans for this table, and whatever tables are in it. */
export function planVerification(root: TableType): TablePlan {
  return new Planner().plan(root);
}

class Planner {
  /** In the order in which they are met; those behind the one at work have no fields yet. */
  readonly #plans = new Map<TableType, TablePlan>();

  plan(root: TableType): TablePlan {
    const plan = this.#table(root);
    // The map grows meanwhile: no recursion, however long the chain of tables.
    for (const [type, each] of this.#plans) {
      each.fields = type.fields.flatMap((field) => this.#field(field));
    }
    return plan;
  }

  #table(type: TableType): TablePlan {
    const plan = this.#plans.get(type) ?? { fields: [] };
    this.#plans.set(type, plan);
    return plan;
  }

  #field({ name, id, type, isRequired, isDeprecated }: TableField): FieldPlan[] {
    const plan = (at: string, slotId: number, planned: Planned): FieldPlan => ({
      name: at,
      slot: VTABLE_HEADER_BYTES + SLOT_BYTES * slotId,
      bytes: DISTANCE_BYTES,
      mask: DISTANCE_BYTES - 1,
      elementBytes: 0,
      elementMask: 0,
      // Nobody can write a deprecated field.
      isRequired: isRequired && !isDeprecated,
      table: undefined,
      members: [],
      ...planned,
    });
    const tag = `${name}_type`;
    if (type.kind === 'union') {
      const tagPlan = plan(tag, id - 1, { kind: INLINE, bytes: 1, mask: 0, isRequired: false });
      return [tagPlan, plan(name, id, { kind: UNION, members: this.#members(type) })];
    }
    if (type.kind !== 'vector') return [plan(name, id, this.#value(type))];
    const { element } = type;
    if (element.kind === 'union') {
      const tags = { kind: INLINE_VECTOR, elementBytes: 1, isRequired: false };
      const members = this.#members(element);
      return [plan(tag, id - 1, tags), plan(name, id, { kind: UNION_VECTOR, members })];
    }
    const { kind, bytes, mask, table } = this.#value(element);
    const vectorKind = [INLINE_VECTOR, STRING_VECTOR, TABLE_VECTOR][kind] as number;
    const elements = { elementBytes: bytes, elementMask: mask, table };
    return [plan(name, id, { kind: vectorKind, ...elements })];
  }

  #value(type: Exclude<TableField['type'], { kind: 'vector' | 'union' }>): MemberPlan {
    const [bytes, mask] = [inlineBytes(type), inlineAlign(type) - 1];
    if (type.kind === 'string') return { kind: STRING, bytes, mask, table: undefined };
    if (type.kind === 'table') return { kind: TABLE, bytes, mask, table: this.#table(type) };
    return { kind: INLINE, bytes, mask, table: undefined };
  }

  #members({ members }: UnionType): (MemberPlan | undefined)[] {
    const plans: (MemberPlan | undefined)[] = Array.from({ length: 256 }, () => undefined);
    for (const { tag, type } of members) plans[tag] = this.#value(type);
    return plans;
  }
}
