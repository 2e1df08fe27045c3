/** The schema of a capture of counters: a field for each, in one wide table. */
import { SchemaMismatchError } from '../../errors.js';
import {
  defineSchema,
  extendSchema,
  fieldDefinitions,
  type FieldDefinition,
  type PlainEvent,
} from '../../events/define-schema.js';
import type { EventSchema } from '../../events/schema.js';
import type { Counter } from './plan.js';
import { SAMPLE_FIELDS } from './sampler.js';

const NAME = 'stratalog.SystemSample';

/**
 * The schema for these counters: a new one, or that of the log, with what it lacks at the end. Its other
 * fields stay, and are null from now on.
 * @throws {SchemaMismatchError} `own` is of something else
 */
export function sampleSchema(
  counters: readonly Counter[],
  own: EventSchema | undefined,
): EventSchema<PlainEvent> {
  const wanted: FieldDefinition[] = [
    ...SAMPLE_FIELDS,
    ...counters.map(({ name, type, comment }) => ({ name, type, comment, optional: true })),
  ];
  if (own === undefined) return defineSchema(NAME, wanted);
  const present = own.name === NAME ? fieldDefinitions(own) : undefined;
  if (present === undefined) {
    throw new SchemaMismatchError('the log for counters of the system', [
      `it holds ${own.name}, not ${NAME}; capture into a log of its own`,
    ]);
  }
  const byName = new Map(present.map((field) => [field.name, field]));
  const differences = wanted.flatMap((field) => difference(field, byName.get(field.name)));
  if (differences.length > 0) {
    throw new SchemaMismatchError('the log for counters of the system', differences);
  }
  const added = wanted.filter(({ name }) => !byName.has(name));
  if (added.length === 0) return own as EventSchema<PlainEvent>;
  return extendSchema(own, added) as EventSchema<PlainEvent>;
}

function difference(wanted: FieldDefinition, present: FieldDefinition | undefined): string[] {
  if (present === undefined) return [];
  const [is, was] = [kindOf(wanted), kindOf(present)];
  return is === was ? [] : [`${wanted.name} was ${was}, is ${is}`];
}

/** Names are made identifiers, so those of two devices may become the same: `eth0.1` and `eth0_1`. */
const DEVICE = /; ((?:disk|interface|sensor) .+)$/;

function kindOf({ type, optional, comment = '' }: FieldDefinition): string {
  const [, device] = DEVICE.exec(comment) ?? [];
  const kind = optional === true ? `optional ${type}` : type;
  return device === undefined ? kind : `${kind} of ${device}`;
}
