/** The stream of news to one client: server-sent events. One who does not read skips frames, and goes. */
import type { ServerResponse } from 'node:http';
import type { LiveClient } from './live.js';

/** Whoever has taken nothing for so long does not get anything any more. */
const PATIENCE_MS = 15_000;
const RETRY_MS = 1000;

export class LiveStream implements LiveClient {
  readonly #response: ServerResponse;
  readonly #onEnd: () => void;
  /** Since when it has not taken what it was sent. */
  #stuckSince: number | undefined;
  #isEnded = false;

  constructor(response: ServerResponse, onEnd: () => void) {
    this.#response = response;
    this.#onEnd = onEnd;
    response.on('close', () => this.#finish());
    response.on('drain', () => (this.#stuckSince = undefined));
  }

  /**
   * What is not taken at once is not added to: so no more than one event, and the buffer of the socket, is
   * held for a client. Frames say which events they are of, so it sees what it has missed.
   */
  send(event: string, data: string): void {
    if (this.#isEnded) return;
    if (!this.#response.headersSent) this.#begin();
    if (this.#stuckSince !== undefined) {
      if (performance.now() - this.#stuckSince > PATIENCE_MS) this.#response.destroy();
      return;
    }
    const isTaken = this.#response.write(`event: ${event}\ndata: ${data}\n\n`);
    if (!isTaken) this.#stuckSince = performance.now();
  }

  end(): void {
    if (this.#isEnded) return;
    this.#response.end();
    this.#finish();
  }

  /** With the first thing to tell: until then it may be refused. */
  #begin(): void {
    this.#response.writeHead(200, {
      'Content-Type': 'text/event-stream',
      'X-Accel-Buffering': 'no',
    });
    this.#response.write(`retry: ${RETRY_MS}\n\n`);
  }

  #finish(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#onEnd();
  }
}
