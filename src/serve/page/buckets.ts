/** What is drawn: least and largest values along x, as they came from the server. */
import type { Frame } from './frames.js';

/** One field's line. */
export interface LineData {
  readonly y: number;
  readonly line: number;
  readonly min: number[];
  readonly max: number[];
}

/** Buckets in order along x. Live ones are put together until they are no narrower than a pixel. */
export class Buckets {
  readonly xMin: number[] = [];
  readonly xMax: number[] = [];
  readonly #lines = new Map<string, LineData>();
  /** Exclusive: events up to here are in it. */
  endOffset = 0;
  /** Changes with every change. */
  version = 0;

  get lines(): IterableIterator<LineData> {
    return this.#lines.values();
  }

  get length(): number {
    return this.xMin.length;
  }

  /** The largest x. */
  get newest(): number | undefined {
    return this.xMax.at(-1);
  }

  /** Takes the place of everything. */
  replace(frame: Frame): void {
    this.xMin.length = this.xMax.length = 0;
    this.#lines.clear();
    this.add(frame, 0);
  }

  /** Adds what lies behind; buckets that together are no wider than `width` become one. */
  add(frame: Frame, width: number): void {
    for (let i = 0; i < frame.buckets; i++) this.#addBucket(frame, i, width);
    this.endOffset = frame.offsets.to;
    this.version++;
  }

  /** Forgets buckets before x, if there are many of them. */
  dropBefore(x: number): void {
    let count = 0;
    while (count < this.length && (this.xMax[count] as number) < x) count++;
    if (count < 256 || count < this.length / 4) return;
    this.xMin.splice(0, count);
    this.xMax.splice(0, count);
    for (const { min, max } of this.lines) {
      min.splice(0, count);
      max.splice(0, count);
    }
    this.version++;
  }

  #addBucket(frame: Frame, i: number, width: number): void {
    const [from, to] = [frame.xMin[i] as number, frame.xMax[i] as number];
    const last = this.length - 1;
    const newest = this.xMax[last] ?? -Infinity;
    // A plot runs along x: what comes late is put where the newest is.
    const isSame = last >= 0 && (from <= newest || to - (this.xMin[last] as number) <= width);
    const at = isSame ? last : last + 1;
    if (isSame) this.xMax[at] = Math.max(newest, to);
    else {
      this.xMin.push(from);
      this.xMax.push(to);
      for (const { min, max } of this.lines) {
        min.push(NaN);
        max.push(NaN);
      }
    }
    for (const series of frame.series) {
      const { min, max } = this.#lineOf(series.y, series.line);
      min[at] = least(min[at] as number, series.min[i] as number);
      max[at] = largest(max[at] as number, series.max[i] as number);
    }
  }

  #lineOf(y: number, line: number): LineData {
    const key = `${y}:${line}`;
    let data = this.#lines.get(key);
    if (data === undefined) {
      const empty = (): number[] => Array.from({ length: this.length }, () => NaN);
      data = { y, line, min: empty(), max: empty() };
      this.#lines.set(key, data);
    }
    return data;
  }
}

function least(a: number, b: number): number {
  return Number.isNaN(a) || b < a ? b : a;
}

function largest(a: number, b: number): number {
  return Number.isNaN(a) || b > a ? b : a;
}
