/**
 * Memory seen as every kind of number. Indexes of typed arrays are positions divided by the element's
 * size, so each is used at positions that are multiples of it. One object per mapped segment: the views
 * are made once, and are what encoders store through.
 *
 * It is to be dropped together with the mapping (`Mapping.release`): nothing else may keep it.
 */
export class Memory {
  readonly bytes: Uint8Array;
  readonly int8s: Int8Array;
  readonly int16s: Int16Array;
  readonly uint16s: Uint16Array;
  readonly words: Int32Array;
  readonly uint32s: Uint32Array;
  readonly floats: Float32Array;
  readonly doubles: Float64Array;
  readonly bigInts: BigInt64Array;
  readonly bigUints: BigUint64Array;
  readonly view: DataView;
  /** For text: only a `Buffer` writes UTF-8 in place. */
  readonly buffer: Buffer;

  /** Of a length that is a multiple of 8. */
  constructor(buffer: ArrayBuffer) {
    this.bytes = new Uint8Array(buffer);
    this.int8s = new Int8Array(buffer);
    this.int16s = new Int16Array(buffer);
    this.uint16s = new Uint16Array(buffer);
    this.words = new Int32Array(buffer);
    this.uint32s = new Uint32Array(buffer);
    this.floats = new Float32Array(buffer);
    this.doubles = new Float64Array(buffer);
    this.bigInts = new BigInt64Array(buffer);
    this.bigUints = new BigUint64Array(buffer);
    this.view = new DataView(buffer);
    this.buffer = Buffer.from(buffer);
  }
}
