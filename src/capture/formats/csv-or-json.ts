/** CSV or JSON lines, whichever it is. */
import type { EventSchema } from '../../events/schema.js';
import { InputError } from '../../errors.js';
import type { Intake } from '../source.js';
import { csv, type CsvOptions } from './csv.js';
import type { FormatReader, FormatSession, InputFormat } from './format.js';
import { jsonLines, type JsonLinesOptions } from './json-lines.js';

const SPACES = new Set([9, 10, 13, 32]);
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];
const OPENS_JSON = new Set([0x5b, 0x7b]);

/**
 * Looks at the first character: what begins with `{` or `[` is taken as JSON lines, everything else as CSV.
 * @throws {RangeError | TypeError} options that make no sense
 */
export function csvOrJson(options: CsvOptions & JsonLinesOptions = {}): InputFormat {
  const formats = { csv: csv(options), json: jsonLines(options) };
  return { name: 'csv or json', begin: (own) => new EitherSession(formats, own) };
}

interface Formats {
  readonly csv: InputFormat;
  readonly json: InputFormat;
}

class EitherSession implements FormatSession {
  readonly wants: FormatSession['wants'];
  readonly #formats: Formats;
  readonly #own: EventSchema | undefined;
  #session: FormatSession | undefined;

  constructor(formats: Formats, own: EventSchema | undefined) {
    this.#formats = formats;
    this.#own = own;
    this.wants = formats.csv.begin(own).wants;
  }

  settle(sample: Buffer, isWhole: boolean): EventSchema | undefined {
    const first = firstCharacter(sample);
    if (first === undefined && !isWhole) return undefined;
    const { csv: rows, json } = this.#formats;
    const format = first !== undefined && OPENS_JSON.has(first) ? json : rows;
    this.#session ??= format.begin(this.#own);
    return this.#session.settle(sample, isWhole);
  }

  start(intake: Intake): FormatReader {
    if (this.#session === undefined) throw new InputError('The input has not been looked at');
    return this.#session.start(intake);
  }
}

function firstCharacter(sample: Buffer): number | undefined {
  const isMarked = BYTE_ORDER_MARK.every((byte, i) => sample[i] === byte);
  return sample.subarray(isMarked ? BYTE_ORDER_MARK.length : 0).find((byte) => !SPACES.has(byte));
}
