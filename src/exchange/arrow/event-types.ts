/** What the generated module of Arrow's metadata is made of. */
import { eventSchema as decodeSchema, type EventSchema as Decoded } from '../../events/schema.js';

export type { EventVector, FieldsView } from '../../events/view.js';

/** A schema that is decoded when it is first asked for: most programs have nothing to do with Arrow. */
export class EventSchema<Event, View> {
  readonly bytes: Uint8Array;
  #decoded: Decoded<Event, View> | undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get decoded(): Decoded<Event, View> {
    return (this.#decoded ??= decodeSchema(this.bytes));
  }
}

export function eventSchema<Event, View>(bytes: Uint8Array): EventSchema<Event, View> {
  return new EventSchema(bytes);
}
