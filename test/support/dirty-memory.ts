import { expect } from 'vitest';
import type { Encoder } from '../../src/events/encoder.js';
import { Memory } from '../../src/format/memory.js';

const DIRT = 0xee;

/** Encodes into dirty memory; nothing around it may change. */
export function writtenInto(
  made: Encoder,
  event: unknown,
  position: number,
  size: number,
): Uint8Array {
  const memory = new Memory(new ArrayBuffer((position + size + 64 + 7) & ~7));
  memory.bytes.fill(DIRT);
  const end = position + size;
  try {
    expect(made.write(event, memory, position, end)).toBe(end);
    return memory.bytes.slice(position, end);
  } finally {
    const around = [...memory.bytes.subarray(0, position), ...memory.bytes.subarray(end)];
    expect(around.every((byte) => byte === DIRT)).toBe(true);
  }
}
