/** What the process exits with; printed below every verb's `--help`. */
import { LogError, type LogErrorCode } from '../index.js';

export const EXIT_OK = 0;
export const EXIT_USE = 1;
export const EXIT_DAMAGE = 2;
export const EXIT_LOCKED = 3;
export const EXIT_STORAGE = 4;

const BY_CODE: Partial<Record<LogErrorCode, number>> = {
  CORRUPTION: EXIT_DAMAGE,
  LOST: EXIT_DAMAGE,
  MALFORMED_EVENT: EXIT_DAMAGE,
  LOCKED: EXIT_LOCKED,
  POISONED: EXIT_STORAGE,
  STORAGE: EXIT_STORAGE,
};

/** Signals that end a verb in good order, and the numbers that shells add to 128 for them. */
export const SIGNAL_NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
export type EndingSignal = keyof typeof SIGNAL_NUMBERS;

export const EXIT_CODES_HELP = `
Exit codes:
  0  done
  1  wrong use, wrong input, not a log, or a log of a newer version
  2  damage found
  3  the log is locked by another appender
  4  storage: disk full or failing, no permission, read-only
  128 + n  ended by signal n (Ctrl-C: 130)`;

export function exitCodeOf(error: unknown): number {
  if (error instanceof DamagedEventError) return EXIT_DAMAGE;
  if (!(error instanceof LogError)) return EXIT_USE;
  // They fail for the reason that one of the pieces had, or the log, or the source.
  if (error.code === 'SCAN_FAILED' || error.code === 'CAPTURE_FAILED') {
    return exitCodeOf(error.cause);
  }
  return BY_CODE[error.code] ?? EXIT_USE;
}

export function exitCodeOfSignal(signal: EndingSignal): number {
  return 128 + SIGNAL_NUMBERS[signal];
}

/** The input, rather than the log, is not what it should be. */
export { InputError } from '../index.js';

/** A record of a log of events is no event. */
export class DamagedEventError extends Error {}
