/** Goes through the entries of a leaf, one after the other, over the pages of a row group. */
import type { Page, Pages } from './pages.js';

/** The column is damaged; `cause` says how. */
export class ColumnError extends RangeError {
  /** As people call it. */
  readonly column: string;

  constructor(column: string, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.column = column;
  }
}

export class LeafCursor {
  readonly #path: string;
  readonly #convert: ((value: unknown) => unknown) | undefined;
  readonly #maxDefinition: number;
  #pages: Pages | undefined;
  #page: Page | undefined;
  /** What is in the dictionary, as it is converted. */
  #dictionary: ArrayLike<unknown> | undefined;
  #converted: unknown[] = [];
  #at = 0;
  #value = 0;
  /** Rows of the group whose first entry is taken. */
  #rows = 0;

  constructor(
    path: string,
    maxDefinition: number,
    convert: ((value: unknown) => unknown) | undefined,
  ) {
    this.#path = path;
    this.#maxDefinition = maxDefinition;
    this.#convert = convert;
  }

  /** Begins a row group. */
  start(pages: Pages): void {
    this.#pages = pages;
    this.#page = undefined;
    this.#dictionary = undefined;
    this.#converted = [];
    this.#at = 0;
    this.#value = 0;
    this.#rows = 0;
  }

  /** Whether all entries of the row group are taken. */
  get isDone(): boolean {
    return !this.#hasMore();
  }

  /** Level of the entry that is next. There must be one. */
  get definition(): number {
    const { definitions } = this.#current();
    return definitions === undefined ? this.#maxDefinition : (definitions[this.#at] as number);
  }

  /** Of the entry that is next: 0 begins a row, and so does the end. */
  get repetition(): number {
    if (!this.#hasMore()) return 0;
    return this.#page?.repetitions?.[this.#at] ?? 0;
  }

  /**
   * Takes the next entry: a value, or null.
   * @throws {ValueError} it is not what the column says; it is taken then, too
   */
  take(): unknown {
    const { definitions, stored, repetitions } = this.#current();
    const at = this.#at++;
    if (repetitions === undefined || repetitions[at] === 0) this.#rows++;
    if (definitions !== undefined && definitions[at] !== this.#maxDefinition) return null;
    const index = this.#value++;
    const convert = this.#convert;
    if (stored.indexes === undefined) {
      const value = stored.values[index] as unknown;
      return convert === undefined ? value : convert(value);
    }
    const entry = stored.indexes[index] as number;
    if (convert === undefined) return stored.values[entry];
    if (this.#dictionary !== stored.values) {
      this.#dictionary = stored.values;
      this.#converted = [];
    }
    return (this.#converted[entry] ??= convert(stored.values[entry]));
  }

  /** Goes on to where the row of this number begins; says whether it stood there. */
  seekRow(row: number): boolean {
    let isThere = true;
    while (this.#rows < row || this.repetition !== 0) {
      isThere = false;
      this.#skip();
    }
    return isThere;
  }

  #skip(): void {
    const { definitions, repetitions } = this.#current();
    const at = this.#at++;
    if (repetitions === undefined || repetitions[at] === 0) this.#rows++;
    if (definitions === undefined || definitions[at] === this.#maxDefinition) this.#value++;
  }

  #current(): Page {
    if (this.#hasMore()) return this.#page as Page;
    throw new ColumnError(this.#path, 'it has fewer rows than its row group');
  }

  #hasMore(): boolean {
    while (this.#page === undefined || this.#at >= this.#page.entries) {
      const next = this.#nextPage();
      if (next === undefined) return false;
      this.#page = next;
      this.#at = 0;
      this.#value = 0;
    }
    return true;
  }

  #nextPage(): Page | undefined {
    try {
      return this.#pages?.next();
    } catch (error) {
      throw new ColumnError(this.#path, error);
    }
  }
}
