/** A function's result on its way out of its thread. */
import { isMapped } from '../mapping/mapping.js';
import type { PieceReply } from './messages.js';
import { cloneFault } from './packed-error.js';

/** As piscina names what `move` returns: these symbols are the same in every copy of it. */
const TRANSFER = Symbol.for('Piscina.transferable');
const VALUE = Symbol.for('Piscina.valueOf');

export interface Sendable {
  readonly value: unknown;
  /** Moved instead of copied. */
  readonly transfer: readonly object[];
}

/** A result of our own functions whose buffers are moved. */
export function moved(value: unknown, transfer: readonly ArrayBuffer[]): object {
  return { [TRANSFER]: transfer, [VALUE]: value };
}

/**
 * What to send for a result. A view of mapped memory becomes a copy: to send it as it is would copy the
 * whole segment.
 * @throws {TypeError} it cannot be sent
 */
export function toSendable(result: unknown): Sendable {
  if (isMovable(result)) {
    const value = result[VALUE];
    if (isMappedView(value)) return { value: copyOf(value), transfer: [] };
    return { value, transfer: [result[TRANSFER]].flat() };
  }
  if (isMappedView(result)) return { value: copyOf(result), transfer: [] };
  const fault = cloneFault(result);
  if (fault !== undefined) {
    throw new TypeError(`Cannot send the result to another thread: ${fault}`);
  }
  return { value: result, transfer: [] };
}

/** A reply for piscina, which moves what is marked to be moved. */
export async function withTransfer(
  reply: PieceReply,
  transfer: readonly object[],
): Promise<PieceReply> {
  if (transfer.length === 0) return reply;
  const { move } = await import('piscina');
  // Another copy of piscina does not know the mark, and clones the reply's own fields.
  return move({ ...reply, [TRANSFER]: transfer, [VALUE]: reply } as never) as unknown as PieceReply;
}

interface Movable {
  readonly [TRANSFER]: object;
  readonly [VALUE]: unknown;
}

function isMovable(value: unknown): value is Movable {
  return typeof value === 'object' && value !== null && TRANSFER in value && VALUE in value;
}

function isMappedView(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && isMapped(value.buffer);
}

/** The same kind of view, over memory of its own. */
function copyOf(view: Uint8Array): unknown {
  const { buffer, byteOffset, byteLength } = view;
  const bytes = buffer.slice(byteOffset, byteOffset + byteLength);
  // A Buffer would be sent as a Uint8Array anyway.
  const Kind = Buffer.isBuffer(view) ? Uint8Array : view.constructor;
  return new (Kind as Uint8ArrayConstructor)(bytes as ArrayBuffer);
}
