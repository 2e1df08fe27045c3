/** Every rule of the protocol, claim by claim, and what takes it out. */
import { APPEND_CLAIMS } from './appending.js';
import type { Claim } from './claim.js';
import { ANCESTOR_CLAIMS } from './ancestors.js';
import { FILE_CLAIMS } from './files.js';
import { FLUSH_CLAIMS } from './flushing.js';
import { READ_CLAIMS } from './reading.js';
import { RECOVERY_CLAIMS } from './recovering.js';

export const CLAIMS: readonly Claim[] = [
  ...APPEND_CLAIMS,
  ...READ_CLAIMS,
  ...FLUSH_CLAIMS,
  ...RECOVERY_CLAIMS,
  ...FILE_CLAIMS,
  ...ANCESTOR_CLAIMS,
];
