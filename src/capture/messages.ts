/** Messages that are an event each, as they come from datagrams and frames. */
import { jsonToEvent } from '../events/json.js';
import type { Intake, Origin } from './source.js';

/** Takes a message: a view, valid during the call only. */
export type TakeMessage = (message: Uint8Array, origin: Origin) => void;

/** How events are written in messages. */
export type MessageFormat = 'flatbuffers' | 'json';

/** What takes messages of a format; what is no event is rejected. */
export function messageTaker<Event>(format: MessageFormat, intake: Intake<Event>): TakeMessage {
  return format === 'json' ? jsonTaker(intake) : flatBufferTaker(intake);
}

function flatBufferTaker(intake: Intake): TakeMessage {
  return (message, origin) => intake.appendFlatBuffer(message, origin);
}

function jsonTaker<Event>(intake: Intake<Event>): TakeMessage {
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  return (message, origin) => {
    let event: Event;
    try {
      event = jsonToEvent(intake.schema, utf8.decode(message));
    } catch (error) {
      return intake.reject((error as Error).message, origin);
    }
    return intake.append(event, origin);
  };
}
