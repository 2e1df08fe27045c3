/** Lines on a terminal, drawn over those drawn before. */
import type { Terminal } from './progress.js';
import { cut } from './terminal-text.js';

/** What is to be drawn into so many columns. */
type Describe = (columns: number) => readonly string[];

/** What of a stream is needed for that; `process.stdout` has it. */
export interface SizedTerminal extends Terminal {
  readonly rows?: number;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

const DEFAULT_COLUMNS = 80;
const DEFAULT_ROWS = 24;
const HOME = '\u001B[H';
const CLEAR_REST_OF_LINE = '\u001B[K';
const CLEAR_BELOW = '\u001B[J';

/**
 * Takes the whole terminal, by moving what was on it into its history, and draws from the top: where
 * lines lie from which one would have to go up again is not known while a terminal is made narrower, and
 * wraps them. It changes nothing that would have to be restored, however the process ends.
 *
 * It writes over what is there, line by line: a terminal that is cleared first flickers, and some keep in
 * their history whatever they clear.
 */
export class Screen {
  readonly #terminal: SizedTerminal;
  readonly #redraw = (): void => this.#draw();
  #describe: Describe | undefined;

  constructor(terminal: SizedTerminal) {
    this.#terminal = terminal;
    terminal.on('resize', this.#redraw);
  }

  draw(describe: Describe): void {
    if (this.#describe === undefined) this.#terminal.write('\n'.repeat(this.#rows));
    this.#describe = describe;
    this.#draw();
  }

  /** Leaves what is drawn where it is. */
  end(): void {
    this.#terminal.off('resize', this.#redraw);
  }

  get #rows(): number {
    return this.#terminal.rows || DEFAULT_ROWS;
  }

  #draw(): void {
    if (this.#describe === undefined) return;
    // One column is left free: some terminals wrap when the last one is written.
    const columns = (this.#terminal.columns || DEFAULT_COLUMNS) - 1;
    const lines = this.#describe(columns).slice(0, this.#rows - 1);
    const drawn = lines.map((line) => `${cut(line, columns)}${CLEAR_REST_OF_LINE}\n`).join('');
    this.#terminal.write(`${HOME}${drawn}${CLEAR_BELOW}`);
  }
}
