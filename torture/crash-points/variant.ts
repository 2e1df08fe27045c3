/** The copy of the library in which every statement that matters is a crash point. */
import { makeVariant, type Variant, type VariantSpec } from '../variant.js';

/**
 * Files in which a death may leave something behind. Checksums and walks only read: they would add as many
 * points as there are bytes, all of which leave the same.
 */
const STEPS = [
  'append/',
  'control/',
  'events/event-appender',
  'events/log-schema',
  'events/schema-file',
  'format/control-page',
  'format/frame.',
  'maintenance/',
  'mapping/files',
  'mapping/lock',
  'recovery/',
  'segment/directory',
  'segment/segment-list',
  'segment/writable-segment',
];

export const CRASH_SPEC: VariantSpec = {
  name: 'crash-points',
  steps: STEPS,
  // Else only a process that lives for a second would come to it.
  mutations: [
    {
      file: 'maintenance/thread.js',
      find: 'const CHECKPOINT_INTERVAL_MS = 1000;',
      replace: 'const CHECKPOINT_INTERVAL_MS = 10;',
    },
  ],
};

export function crashVariant(): Variant {
  const rules = process.env['STRATALOG_TORTURE_MUTATIONS'];
  const more = rules === undefined ? [] : (JSON.parse(rules) as VariantSpec['mutations']);
  return makeVariant({
    ...CRASH_SPEC,
    mutations: [...(CRASH_SPEC.mutations ?? []), ...(more ?? [])],
  });
}
