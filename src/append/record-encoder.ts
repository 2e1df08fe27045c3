import type { Memory } from '../format/memory.js';

/**
 * Makes a record of a value, in the place where the record stays. Both methods may run code of the
 * value's (getters), and throw whatever is wrong with it.
 */
export interface RecordEncoder<Value> {
  /** Checks the value and returns the bytes that it takes. */
  measure(value: Value): number;
  /**
   * Writes the value to the bytes from `position`, a multiple of 8, to `end`, and nowhere else. It fills
   * them all, or throws. Must not keep the memory.
   */
  write(value: Value, memory: Memory, position: number, end: number): void;
}
