/** Reads on, after it is enough, until what had come by then has been read. */

/** A sender that goes on sending does not keep a capture from ending. */
const MAX_DRAIN_MS = 500;

/**
 * Lets the event loop turn until a whole turn of it has brought nothing, or half a second has passed.
 * `progress` counts what comes, and `isBehind` says whether something that has come is still to be taken.
 */
export async function drain(progress: () => number, isBehind: () => boolean): Promise<void> {
  const endsAt = performance.now() + MAX_DRAIN_MS;
  // Of the turn in which it was enough, a part is over.
  await turn();
  for (;;) {
    const before = progress();
    await turn();
    if (progress() === before && !isBehind()) return;
    if (performance.now() >= endsAt) return;
  }
}

/** Resolves behind the poll for input that follows. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
