/** Pictures of characters: dots of Braille, eight to a character, or one mark each. */

/** Bits of the dots of a Braille character, by row and column. */
const BRAILLE_BITS = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
] as const;
const BRAILLE = 0x28_00;
const MARKS = '*+xo#@%&=~$^';

export interface Cell {
  readonly text: string;
  /** Number of the series that was drawn there last; -1: none. */
  readonly series: number;
}

export class Canvas {
  readonly width: number;
  readonly height: number;
  readonly #columns: number;
  readonly #dotsAcross: number;
  readonly #dotsDown: number;
  readonly #bits: Uint8Array;
  readonly #series: Int32Array;

  constructor(columns: number, rows: number, isBraille: boolean) {
    this.#dotsAcross = isBraille ? 2 : 1;
    this.#dotsDown = isBraille ? 4 : 1;
    this.#columns = columns;
    this.width = columns * this.#dotsAcross;
    this.height = rows * this.#dotsDown;
    this.#bits = new Uint8Array(columns * rows);
    this.#series = new Int32Array(columns * rows).fill(-1);
  }

  /** From the left and from the top; what lies outside is not drawn. */
  dot(x: number, y: number, series: number): void {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) return;
    const cell = Math.floor(y / this.#dotsDown) * this.#columns + Math.floor(x / this.#dotsAcross);
    const bit = BRAILLE_BITS[y % this.#dotsDown]?.[x % this.#dotsAcross] ?? 1;
    this.#bits[cell] = (this.#bits[cell] ?? 0) | bit;
    this.#series[cell] = series;
  }

  /** Bresenham's. */
  line(fromX: number, fromY: number, toX: number, toY: number, series: number): void {
    const [across, down] = [Math.abs(toX - fromX), -Math.abs(toY - fromY)];
    const [stepX, stepY] = [Math.sign(toX - fromX), Math.sign(toY - fromY)];
    let [x, y, error] = [fromX, fromY, across + down];
    for (;;) {
      this.dot(x, y, series);
      if (x === toX && y === toY) return;
      const twice = 2 * error;
      if (twice >= down) [error, x] = [error + down, x + stepX];
      if (twice <= across) [error, y] = [error + across, y + stepY];
    }
  }

  row(row: number): Cell[] {
    return Array.from({ length: this.#columns }, (_, column) => {
      const cell = row * this.#columns + column;
      const [bits, series] = [this.#bits[cell] ?? 0, this.#series[cell] ?? -1];
      if (bits === 0) return { text: ' ', series: -1 };
      const isBraille = this.#dotsAcross === 2;
      return { text: isBraille ? String.fromCodePoint(BRAILLE + bits) : markOf(series), series };
    });
  }
}

export function markOf(series: number): string {
  return MARKS[series % MARKS.length] ?? '*';
}
