import type { Origin } from '../source.js';
import type { Sender } from './senders.js';

const NOTHING = new Uint8Array(0);

/** Where a message came from: one object, moved from message to message. */
export class MessageOrigin implements Origin {
  line = 0;
  #message: Uint8Array = NOTHING;
  #sender: Sender | undefined;

  get sender(): string {
    return this.#sender?.name ?? '';
  }

  content(): Uint8Array {
    const { buffer, byteOffset, length } = this.#message;
    // Of a Buffer, `slice` is no copy.
    return new Uint8Array(buffer, byteOffset, length);
  }

  moveTo(line: number, message: Uint8Array, sender: Sender): void {
    this.line = line;
    this.#message = message;
    this.#sender = sender;
  }
}
