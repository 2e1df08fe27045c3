/** Messages that are an event each, as they come from datagrams and frames. */
import { JsonRows } from './formats/json-rows.js';
import type { Intake, Origin } from './source.js';

/** Takes a message: a view, valid during the call only. */
export type TakeMessage = (message: Uint8Array, origin: Origin) => void;

/** How events are written in messages. */
export type MessageFormat = 'flatbuffers' | 'json';

/** What takes messages of a format; what is no event is rejected. */
export function messageTaker<Event>(format: MessageFormat, intake: Intake<Event>): TakeMessage {
  if (format === 'flatbuffers') {
    return (message, origin) => intake.appendFlatBuffer(message, origin);
  }
  const rows = new JsonRows(intake);
  return (message, origin) => rows.take(message, origin);
}
