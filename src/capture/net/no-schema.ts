import { SchemaError } from '../../errors.js';

/** Neither the log nor whoever captures has said what events are. */
export function noSchema(): SchemaError {
  return new SchemaError(
    'Cannot capture: the log has no schema yet, and messages do not say what they are; name a .bfbs file with --schema, or give `capture` the option schema',
  );
}
