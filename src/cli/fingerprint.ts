const PRIME = 0x01000193;

/** Order-dependent checksum over records (FNV-1a, lengths included), of the demo's own. */
export class Fingerprint {
  #state = 0x811c9dc5;
  #records = 0;

  get records(): number {
    return this.#records;
  }

  get value(): number {
    return this.#state >>> 0;
  }

  add(record: Uint8Array): void {
    let state = Math.imul(this.#state ^ record.length, PRIME);
    for (let i = 0; i < record.length; i++) state = Math.imul(state ^ (record[i] as number), PRIME);
    this.#state = state;
    this.#records++;
  }
}

export function formatFingerprint(value: number): string {
  return value.toString(16).padStart(8, '0');
}
