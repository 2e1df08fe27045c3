/**
 * Rules of the decoders that can be taken out of a copy, to see that the campaign notices:
 * `TORTURE_WITHOUT=verifier-bounds npm run torture -- fuzz`.
 */
import type { Mutation } from '../variant.js';

const RULES: Readonly<Record<string, Mutation>> = {
  'verifier-vector': {
    file: 'events/verify.js',
    find: 'if (at + DISTANCE_BYTES + bytes > this.#to) {',
    replace: 'if (false) {',
  },
  'verifier-field': {
    file: 'events/verify.js',
    find: 'distance + field.bytes > tableBytes',
    replace: 'false',
  },
  'frame-records': {
    file: 'format/frame.js',
    find: 'return record === end ? FRAME_OK : FRAME_BAD_RECORDS;',
    replace: 'return FRAME_OK;',
  },
  'frame-length': {
    file: 'format/frame.js',
    find: ' || length > limit - position',
    replace: '',
  },
  'bfbs-known': {
    file: 'events/bfbs.js',
    find: 'if (type === undefined)',
    replace: 'if (false)',
  },
  'bfbs-check': {
    file: 'events/flat-bytes.js',
    find: 'if (position >= 0 && position + size <= this.bytes.length)',
    replace: 'if (position >= 0)',
  },
  'arrow-places': {
    file: 'exchange/arrow/vectors.js',
    find: 'if (bytes.length < size * (length + 1)) {',
    replace: 'if (false) {',
  },
};

export function withoutRule(name: string | undefined): Mutation | undefined {
  if (name === undefined) return undefined;
  const rule = RULES[name];
  if (rule !== undefined) return rule;
  throw new RangeError(`No rule is named ${name}: there are ${Object.keys(RULES).join(', ')}`);
}
