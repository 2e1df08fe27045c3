/**
 * What a thread could not unmap, for lack of memory, tries again with whatever it unmaps next. A thread
 * that ends has no next: it hands over what is left to the one that has started it.
 */
import { parentPort, type Worker } from 'node:worker_threads';
import { munmap, takeLeftMapped } from './native.js';

/** To be called last, by a thread that `adoptLeftovers` has been called for. */
export function handOverLeftovers(): void {
  const left = takeLeftMapped();
  if (left.length > 0) parentPort?.postMessage(left);
}

/** Has this thread unmap what another one hands over, which says nothing else in that way. */
export function adoptLeftovers(from: Worker): void {
  from.on('message', (left: ReturnType<typeof takeLeftMapped>) => {
    for (const [address, length] of left) munmap(address, length);
  });
}
