import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');

/** Collects everything that nobody holds any more. Finalizers run in a later turn. */
export const collectGarbage = runInNewContext('gc') as () => void;
