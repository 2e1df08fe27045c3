/** Rules of the library that can be taken out, to see that the campaign notices. */
import type { Mutation } from '../variant.js';

const FLUSHER = 'maintenance/flusher.js';
const RECOVER = 'recovery/recover.js';

const KEEP_TAIL: Mutation = {
  file: RECOVER,
  find: 'clearRange(segment.fd, from, segment.header.sizeBytes - from, segment.path);',
  replace: '',
};
const NO_CHAIN: Mutation = {
  file: 'format/frame-scan.js',
  find: 'if (this.chainCrc !== undefined && framePreviousCrc(words, at) !== this.chainCrc)',
  replace: 'if (false)',
};

export const MUTATIONS: Readonly<Record<string, readonly Mutation[]>> = {
  'no-directory-sync': [{ file: FLUSHER, find: 'if (!entry.named)', replace: 'if (false)' }],
  'no-zeroing': [KEEP_TAIL],
  'no-chain': [NO_CHAIN],
  'no-zeroing-no-chain': [KEEP_TAIL, NO_CHAIN],
  'flushed-before-sync': [
    {
      file: FLUSHER,
      find: 'synced += this.#sync(entry, bounds[i]);',
      replace: `if (Atomics.exchange(entry.target.words, FLUSHED_POSITION, bounds[i].position) !== bounds[i].position) {
                    syncFile(entry.target.fd, entry.target.path);
                    if (!entry.named) syncDirectory(this.#directory);
                    entry.named = true;
                    synced++;
                }`,
    },
  ],
  'empty-segment-unsynced': [{ file: FLUSHER, find: 'this.#syncNewSegments();', replace: '' }],
  'start-in-memory-only': [
    {
      file: RECOVER,
      find: 'keepStart(directory, control, survey.checkpoint.startOffset);',
      replace: '',
    },
  ],
  'no-sync-after-recovery': [
    { file: RECOVER, find: 'this.#storeAgain(segment, salvage.tail);', replace: '' },
  ],
  'no-storing-again': [{ file: RECOVER, find: 'if (from < end) {', replace: 'if (false) {' }],
  'checkpoint-before-data': [
    {
      file: FLUSHER,
      find: 'const durableOffset = this.#flush();',
      replace: `const last = this.#entries.at(-1).target;
            this.#control.writeCheckpoint({ clean: false, durableOffset: last.base + takeBound({ target: last }).count });
            const durableOffset = this.#flush();`,
    },
  ],
  'salvage-of-any-file': [
    {
      file: 'recovery/residency.js',
      find: 'if (dev === session.device && ino === session.inode && size > 0n) {',
      replace: 'if (size > 0n) {',
    },
  ],
};

/** Those that `TORTURE_MUTATE` names, separated by commas. */
export function mutationsAsked(): readonly Mutation[] {
  const names = (process.env['TORTURE_MUTATE'] ?? '').split(',').filter((name) => name !== '');
  return names.flatMap((name) => {
    const found = MUTATIONS[name];
    if (found === undefined) {
      throw new RangeError(`No mutation ${name}: there are ${Object.keys(MUTATIONS).join(', ')}`);
    }
    return found;
  });
}
