/** Answers on their way. Whoever does not take his is cut off, and there are only so many bytes at a time. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { RefusedRequest } from './parameters.js';

export interface AnswerLimits {
  /** Whoever has taken nothing of an answer for so long does not get the rest. */
  readonly patienceMs: number;
  /** While more has not been taken, by all clients together, nothing else is answered. */
  readonly maxWaitingBytes: number;
}

const LIMITS: AnswerLimits = { patienceMs: 15_000, maxWaitingBytes: 128 * 1024 * 1024 };

export class Answers {
  readonly #limits: AnswerLimits;
  /** Bytes of each connection. */
  readonly #waiting = new Map<Socket, number>();
  #waitingBytes = 0;

  constructor(limits: AnswerLimits = LIMITS) {
    this.#limits = limits;
  }

  /** Bytes that clients have not taken, nor the system for them. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** @throws {RefusedRequest} too much is waiting */
  checkRoom(): void {
    if (this.#waitingBytes <= this.#limits.maxWaitingBytes) return;
    throw new RefusedRequest(503, 'Too many answers have not been taken yet');
  }

  send(request: IncomingMessage, response: ServerResponse, type: string, content: Buffer): void {
    const { socket } = request;
    if (response.destroyed || socket.destroyed) return;
    this.#count(socket, response, content.length);
    // Each byte that is taken sets it anew. Nobody listens, so the connection is ended by it.
    response.setTimeout(this.#limits.patienceMs);
    response.writeHead(200, { 'Content-Type': type, 'Content-Length': content.length });
    response.end(request.method === 'HEAD' ? undefined : content);
  }

  /** One that waits for another on the same connection is not told when that ends. */
  #count(socket: Socket, response: ServerResponse, bytes: number): void {
    if (!this.#waiting.has(socket)) {
      this.#waiting.set(socket, 0);
      socket.on('close', () => {
        this.#add(socket, -(this.#waiting.get(socket) ?? 0));
        this.#waiting.delete(socket);
      });
    }
    this.#add(socket, bytes);
    response.on('close', () => this.#waiting.has(socket) && this.#add(socket, -bytes));
  }

  #add(socket: Socket, bytes: number): void {
    this.#waiting.set(socket, (this.#waiting.get(socket) ?? 0) + bytes);
    this.#waitingBytes += bytes;
  }
}
