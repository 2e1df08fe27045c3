/** Reads what `../frames.ts` writes: least and largest values by bucket. */

export interface Series {
  /** Which of the fields. */
  readonly y: number;
  /** Which line of it. */
  readonly line: number;
  readonly min: Float64Array;
  readonly max: Float64Array;
}

export interface Frame {
  readonly buckets: number;
  readonly xMin: Float64Array;
  readonly xMax: Float64Array;
  readonly series: readonly Series[];
  readonly offsets: { readonly from: number; readonly to: number };
  readonly lineNames: readonly string[] | undefined;
}

/** A frame that answers for a stretch. */
export interface PictureFrame extends Frame {
  readonly origin: string;
  readonly from: number;
  readonly to: number;
  readonly hasOtherLines: boolean;
  readonly isComplete: boolean;
  readonly progress: number;
  readonly malformed: number;
  readonly problem: string | undefined;
}

interface Head extends Omit<PictureFrame, 'series' | 'xMin' | 'xMax'> {
  readonly series: readonly { readonly y: number; readonly line: number }[];
}

export function decodeFrame(buffer: ArrayBuffer): PictureFrame {
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length))) as Head;
  let at = Math.ceil((4 + length) / 8) * 8;
  const next = (): Float64Array => {
    const list = new Float64Array(buffer, at, head.buckets);
    at += head.buckets * 8;
    return list;
  };
  const [xMin, xMax] = [next(), next()];
  const series = head.series.map((each) => ({ ...each, min: next(), max: next() }));
  return { ...head, xMin, xMax, series };
}

export function frameOfText(base64: string): Frame {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return decodeFrame(bytes.buffer);
}
