/** What measuring comes to if it is no size. Generated code passes on everything below 0. */
export const NOT_STORABLE = -1;
export const TOO_LARGE = -2;

/** Positions are computed with 32 bits, and aligned upwards. */
export const MAX_EVENT_BYTES = 2 ** 31 - 64;
