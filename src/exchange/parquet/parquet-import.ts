/** Rows of a Parquet file on their way into a log. Loads the package that reads such files. */
import { parquetSchema, type ColumnMetaData, type FileMetaData, type RowGroup } from 'hyparquet';
import type { Intake, Origin } from '../../capture/source.js';
import { Turns } from '../../capture/turns.js';
import { InputError, LogError } from '../../errors.js';
import { jsonToEvent } from '../../events/json.js';
import type { EventSchema } from '../../events/schema.js';
import { schemaKeptIn } from '../kept-schema.js';
import { fileColumns, type FileNode, type LeafNode } from './file-shape.js';
import { inferSchema, type FieldNames } from './infer.js';
import { ParquetInput } from './input.js';
import { ColumnError } from './leaf-cursor.js';
import { Budget, Pages } from './pages.js';
import type { ImportSettings } from './parquet-source.js';
import { planRows, type RowPlan } from './rows.js';
import { ValueError, storedKind, type StoredKind } from './stored-kinds.js';

const ROWS_PER_LOOK = 16;

export class ParquetImport implements Origin {
  readonly #settings: ImportSettings;
  readonly #input: ParquetInput;
  readonly #kinds = new Map<LeafNode, StoredKind>();
  #metadata: FileMetaData | undefined;
  #columns: readonly FileNode[] = [];
  #names: FieldNames = new Map();
  #event: Record<string, unknown> = {};
  /** Rows of the groups that are done. */
  #rows = 0;
  #groups = 0;
  /** Number of the row, from 1 on. */
  line = 0;

  private constructor(settings: ImportSettings, input: ParquetInput) {
    this.#settings = settings;
    this.#input = input;
  }

  static async open(settings: ImportSettings): Promise<ParquetImport> {
    return new ParquetImport(settings, await ParquetInput.open(settings.path));
  }

  /** Reads the footer, and says what events are. */
  async begin(own: EventSchema | undefined): Promise<EventSchema> {
    const metadata = await this.#input.metadata();
    this.#metadata = metadata;
    this.#within('', () => checkRows(metadata));
    return this.#within('its columns cannot be taken', () => {
      this.#columns = this.#chosen(fileColumns(metadata.schema, parquetSchema(metadata)));
      const schema = own ?? this.#kept(metadata) ?? this.#inferred();
      // What does not fit is to be known before anything is changed.
      this.#plan(schema);
      return schema;
    });
  }

  async run(intake: Intake): Promise<void> {
    const plan = this.#plan(intake.schema);
    for (const group of this.#metadata?.row_groups ?? []) {
      if (intake.signal.aborted) return;
      await this.#start(group, plan);
      if (!(await this.#take(group, plan, intake))) return;
      this.#end(plan);
      this.#rows += Number(group.num_rows);
      this.#groups++;
    }
  }

  close(): Promise<void> {
    return this.#input.close();
  }

  report(): Readonly<Record<string, unknown>> {
    return { rowGroups: this.#groups };
  }

  /** The row, as far as it could be read, as JSON. */
  content(): Uint8Array {
    const shown = (_key: string, value: unknown): unknown => {
      if (typeof value === 'bigint') return String(value);
      return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
    };
    return Buffer.from(JSON.stringify(this.#event, shown));
  }

  // --- Planning ---

  #chosen(columns: readonly FileNode[]): readonly FileNode[] {
    const chosen = this.#settings.columns?.map((name) => {
      const found = columns.find((column) => column.name === name);
      if (found !== undefined) return found;
      const names = columns.map((column) => column.name).join(', ');
      throw new InputError(`there is no column ${name}, but ${names}`);
    });
    const wanted = chosen ?? columns;
    if (wanted.length === 0) throw new InputError('it has no columns');
    return wanted;
  }

  #kindOf(leaf: LeafNode): StoredKind {
    const known = this.#kinds.get(leaf);
    if (known !== undefined) return known;
    try {
      const kind = storedKind(leaf.element, this.#settings);
      this.#kinds.set(leaf, kind);
      return kind;
    } catch (error) {
      throw new TypeError(`column ${leaf.path}: ${(error as Error).message}`, { cause: error });
    }
  }

  /** That of a file that was exported with all fields; what is no longer like it says itself what it is. */
  #kept({ key_value_metadata: entries }: FileMetaData): EventSchema | undefined {
    const kept = schemaKeptIn((key) => entries?.find((each) => each.key === key)?.value);
    try {
      if (kept !== undefined) this.#plan(kept);
      return kept;
    } catch (error) {
      if (error instanceof InputError) return undefined;
      throw error;
    }
  }

  #inferred(): EventSchema {
    const { schema, names } = inferSchema(this.#columns, this.#settings.name, (leaf) =>
      this.#kindOf(leaf),
    );
    this.#names = names;
    return schema;
  }

  #plan(schema: EventSchema): RowPlan {
    return planRows(schema.root, this.#columns, this.#names, (leaf) => this.#kindOf(leaf));
  }

  #within<T>(what: string, action: () => T): T {
    try {
      return action();
    } catch (error) {
      if (error instanceof LogError && !(error instanceof InputError)) throw error;
      const why = error instanceof Error ? error.message : what;
      throw new InputError(`Cannot read ${this.#input.path}: ${why}`, { cause: error });
    }
  }

  // --- Row groups ---

  /** Reads what is compressed of the group's columns. */
  async #start(group: RowGroup, { leaves, cursors }: RowPlan): Promise<void> {
    const budget = new Budget(this.#settings.maxMemoryBytes);
    for (const [i, leaf] of leaves.entries()) {
      try {
        const pages = await this.#pages(group, leaf, budget);
        cursors[i]?.start(pages);
      } catch (error) {
        this.#fail(error, leaf);
      }
    }
  }

  async #pages(group: RowGroup, leaf: LeafNode, budget: Budget): Promise<Pages> {
    const { place } = leaf;
    const path = place.path.join('\0');
    const found = group.columns.find((each) => each.meta_data?.path_in_schema.join('\0') === path);
    if (found?.meta_data === undefined) throw new RangeError('it is missing in the row group');
    if (found.file_path) throw new RangeError('it lies in another file, which is not supported');
    const data: ColumnMetaData = found.meta_data;
    if (data.type !== place.type) throw new RangeError(`it has values of the type ${data.type}`);
    const length = Number(data.total_compressed_size);
    const chunk = await this.#chunk(data, length, budget);
    const entries = Number(data.num_values);
    const isSound = Number.isSafeInteger(entries) && entries >= 0;
    const isFlat = place.maxRepetition === 0;
    if (!isSound || (isFlat && data.num_values !== group.num_rows)) {
      throw new RangeError(`it has ${entries} values in ${group.num_rows} rows`);
    }
    return new Pages(place, data.codec, chunk, entries, budget);
  }

  async #chunk(data: ColumnMetaData, length: number, budget: Budget): Promise<Buffer> {
    const first = Number(data.data_page_offset);
    const dictionary = Number(data.dictionary_page_offset ?? 0n);
    // Some writers say 0 where there is none.
    const start = dictionary > 0 ? Math.min(dictionary, first) : first;
    this.#input.checkChunk(start, length);
    budget.take(length);
    return this.#input.chunk(start, length);
  }

  /** `false`: nothing more is taken. */
  async #take(group: RowGroup, plan: RowPlan, intake: Intake): Promise<boolean> {
    const turns = new Turns(ROWS_PER_LOOK);
    const rows = Number(group.num_rows);
    for (let row = 0; row < rows; row++) {
      this.line = this.#rows + row + 1;
      this.#takeRow(row, plan, intake);
      if (intake.isFull) await intake.ready();
      if (turns.isOver()) await turns.next();
      if (intake.signal.aborted) return false;
    }
    return true;
  }

  /** What is left is of rows that the row group does not tell of. */
  #end({ cursors, leaves }: RowPlan): void {
    for (let i = 0; i < cursors.length; i++) {
      try {
        if (cursors[i]?.isDone === false) throw new RangeError('it has more rows than its group');
      } catch (error) {
        this.#fail(error, leaves[i]);
      }
    }
  }

  #takeRow(row: number, plan: RowPlan, intake: Intake): void {
    const event = this.#event;
    let refused: string | undefined;
    try {
      plan.read(event);
    } catch (error) {
      if (!(error instanceof ValueError)) this.#fail(error);
      refused = error.message;
    }
    this.#endRow(row, plan, refused !== undefined);
    if (refused !== undefined) intake.reject(refused, this);
    else if (plan.hasJson) this.#appendJson(intake);
    else intake.append(event, this);
  }

  #appendJson(intake: Intake): void {
    let event: unknown;
    try {
      event = jsonToEvent(intake.schema, this.#event);
    } catch (error) {
      intake.reject((error as Error).message, this);
      return;
    }
    intake.append(event, this);
  }

  /** A row that was refused has been read in part. */
  #endRow(row: number, { cursors, leaves }: RowPlan, isRefused: boolean): void {
    for (let i = 0; i < cursors.length; i++) {
      try {
        const isThere = cursors[i]?.seekRow(row + 1);
        if (!isThere && !isRefused) throw new RangeError('it does not fit the columns beside it');
      } catch (error) {
        this.#fail(error, leaves[i]);
      }
    }
  }

  #fail(error: unknown, leaf?: LeafNode): never {
    if (error instanceof InputError) throw error;
    const path = error instanceof ColumnError ? error.column : leaf?.path;
    const column = path === undefined ? '' : `, column ${path}`;
    const why = error instanceof Error ? error.message : String(error);
    throw new InputError(
      `Cannot read ${this.#input.path}: row group ${this.#groups + 1}${column}: ${why}`,
      { cause: error },
    );
  }
}

function checkRows({ num_rows, row_groups }: FileMetaData): void {
  const rows = row_groups.map((group) => group.num_rows);
  const isSound = rows.every((count) => count >= 0n && Number.isSafeInteger(Number(count)));
  const sum = rows.reduce((total, count) => total + count, 0n);
  if (isSound && sum === num_rows) return;
  throw new RangeError(`its footer says that it has ${num_rows} rows, and its row groups ${sum}`);
}
