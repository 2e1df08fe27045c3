/** Export as JSON lines. */
import { behind } from './csv.js';
import type { OutputFormat } from '../format.js';
import { columnPaths, textFields } from './text-fields.js';

/**
 * JSON, a line for each event, as `eventToJson` writes it: everything is kept. Integers of 64 bits have all
 * their digits (`JSON.parse` rounds them past 2^53, `jsonToEvent` does not), what is no number is "nan", "inf"
 * or "-inf", enums have their names. With `fields` the keys are their paths, and what is missing is `null`.
 */
export function jsonLinesFile(): OutputFormat {
  return {
    name: 'json-lines',
    plan(schema, named) {
      const fields = textFields(schema, named, 'json');
      return {
        columns: columnPaths(fields),
        encoder: { module: ENCODER, name: 'jsonLinesEncoder' },
        args: fields,
        assembler: behind([]),
      };
    },
  };
}

const ENCODER = new URL('./json-lines-encoder.js', import.meta.url).href;
