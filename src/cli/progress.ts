/** One line at the bottom of a terminal that says how far it has come; nothing anywhere else. */

/** What of a stream is needed for that; `process.stderr` has it. */
export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const REDRAW_MS = 200;
const CLEAR_LINE = '\r\u001B[K';
const DEFAULT_COLUMNS = 80;

export class ProgressLine {
  readonly #terminal: Terminal | undefined;
  #isDrawn = false;
  #drawnAt = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  constructor(terminal: Terminal = process.stderr) {
    this.#terminal = terminal.isTTY === true ? terminal : undefined;
  }

  /** Draws the line every 200 ms from now on, by the event loop, until `end`. */
  start(describe: () => string): void {
    if (this.#terminal === undefined) return;
    this.#timer = setInterval(() => this.#draw(describe()), REDRAW_MS);
    this.#timer.unref();
  }

  /** Draws the line now. */
  show(describe: (columns: number) => string): void {
    if (this.#terminal !== undefined) this.#draw(describe(this.#width));
  }

  /** Draws the line if it was last drawn long enough ago: for work that keeps the event loop. */
  update(describe: () => string): void {
    if (this.#terminal === undefined) return;
    const now = performance.now();
    if (now - this.#drawnAt < REDRAW_MS) return;
    this.#drawnAt = now;
    this.#draw(describe());
  }

  /** A share from 0 to 1, as a bar with a percentage, for the terminal's width. */
  bar(label: string, share: number): string {
    const percent = `${Math.floor(share * 100)}%`.padStart(4);
    const room = Math.min(40, this.#width - label.length - percent.length - 3);
    if (room < 4) return `${label}${percent}`;
    const filled = Math.round(share * room);
    return `${label} [${'#'.repeat(filled)}${'.'.repeat(room - filled)}]${percent}`;
  }

  /** Takes the line away until it is drawn again, for something that is to stand above it. */
  clear(): void {
    if (this.#isDrawn) this.#terminal?.write(CLEAR_LINE);
    this.#isDrawn = false;
  }

  /** Takes the line away. Idempotent. */
  end(): void {
    clearInterval(this.#timer);
    this.clear();
  }

  /** One column is left free: some terminals wrap when the last one is written. */
  get #width(): number {
    return (this.#terminal?.columns || DEFAULT_COLUMNS) - 1;
  }

  #draw(text: string): void {
    this.#isDrawn = true;
    this.#terminal?.write(CLEAR_LINE + text.slice(0, Math.max(0, this.#width)));
  }
}
