/** Damage to events, by a generator that a seed repeats. */

/** Numbers from 0 to below `n`. */
export type Random = (n: number) => number;

export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

/** A copy with a few bytes, or words that mean much, changed; sometimes shorter. */
export function mutated(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  for (let changes = 1 + random(3); changes > 0; changes--) {
    const at = random(Math.max(1, copy.length - 4));
    const values = [0, 1, 2, 4, 8, copy.length, at, -at, 0xff, 0x7fff, 0xffff, 2 ** 31 - 1, -1, -4];
    const value = values[random(values.length)] as number;
    if (copy.length < 5) copy.fill(value);
    else if (random(3) === 0) view.setUint8(at, random(256));
    else if (random(2) === 0) view.setUint16(at & ~1, value, true);
    else view.setInt32(at & ~3, value + random(3) - 1, true);
  }
  return random(8) === 0 ? copy.slice(0, random(copy.length + 1)) : copy;
}

/** The bytes at a position of a larger buffer that is filled with something else. */
export function surrounded(bytes: Uint8Array, position: number, filler: number): Uint8Array {
  const around = new Uint8Array((position + bytes.length + 64 + 7) & ~7).fill(filler);
  around.set(bytes, position);
  return around;
}
