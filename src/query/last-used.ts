/** Things that take a while to make, the last few of them, by what they were made for. */
export class LastUsed<T> {
  readonly #most: number;
  /** The last used is the last. */
  readonly #made = new Map<string, T>();

  constructor(most: number) {
    this.#most = most;
  }

  get(id: string, make: () => T): T {
    const found = this.#made.get(id) ?? make();
    this.#made.delete(id);
    this.#made.set(id, found);
    for (const oldest of this.#made.keys()) {
      if (this.#made.size <= this.#most) break;
      this.#made.delete(oldest);
    }
    return found;
  }
}
