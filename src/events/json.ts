/** Events as JSON text, and back: for the command line, for tests, and for whoever has nothing else. */
import { checkEvent } from './check.js';
import { EventDecoder } from './decode.js';
import { parseJsonText, toJsonText } from './json-text.js';
import { fromJsonValues } from './json-values.js';
import type { EventSchema } from './schema.js';

/**
 * An event as one line of JSON that flatc, and `jsonToEvent`, take back: as `decodeEvent` has it, with
 * integers of 64 bits in full digits (`JSON.parse` rounds them), floats of 32 bits as the shortest
 * decimals that mean them, and "nan", "inf" and "-inf" for what JSON has no numbers for.
 * @throws {MalformedEventError}
 */
export function eventToJson(schema: EventSchema, bytes: Uint8Array): string {
  return toJsonText(new EventDecoder(bytes, true).event(schema.root));
}

/**
 * Checks JSON, as text or parsed, against a schema, and returns the event as an encoder takes it. What it
 * takes is what `decodeEvent` and `eventToJson` return: fields by name, `x_type` beside a union `x`,
 * enums as names or numbers, "nan", "inf" and "-inf" for floats. Fields that are `null` count as left
 * out. Integers of 64 bits may be decimal strings; in text they may have all their digits, too, but in a
 * value that is parsed already, whole numbers past 2^53 are refused, because they may have been rounded.
 * @throws {TypeError} no JSON; an unknown field, a missing one, a value of the wrong type. The message
 *   names the field with its path, and the value
 * @throws {RangeError} a number out of range, a name that an enum does not have, an array of the wrong
 *   length, too many tables, or nested too deep
 */
export function jsonToEvent<Event>(schema: EventSchema<Event>, json: string | object): Event {
  const event = fromJsonValues(schema.root, typeof json === 'string' ? parsed(json) : json);
  checkEvent(schema, event, { refuseUnknown: true });
  return event as Event;
}

function parsed(json: string): unknown {
  try {
    return parseJsonText(json);
  } catch (error) {
    throw new TypeError(`Cannot encode the event: it is no JSON: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
