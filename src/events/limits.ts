/**
 * What an event may cost whoever follows its distances. They may lead to the same place from many
 * others, so a kilobyte can describe more tables than there are atoms: somebody has to count.
 */

/** Tables within tables, the root included; as in the verifiers of other languages. */
export const MAX_DEPTH = 64;
/** Tables visited in one event, each time they are visited; as in the verifiers of other languages. */
export const MAX_TABLES = 1_000_000;
/**
 * What may be read beyond the event's own length: bytes of strings and vectors that many distances lead
 * to, and fields of tables, whether they are there or not. Without it, a kilobyte of damage could ask for
 * hours and for more memory than there is.
 */
export const MAX_EXCESS = 1 << 25;
