/**
 * What the kernel is told of a piece's bytes: that they are about to be read, so that the disk works
 * while the function does; and that they have been read, so that a scan larger than memory takes its own
 * pages first when it needs room, and not everybody else's. Advice, so nothing depends on it.
 */
import { LogError } from '../errors.js';
import type { Mapping } from '../mapping/mapping.js';
import type { SegmentSet } from '../read/segment-set.js';
import type { Extent } from './layout.js';

/** Costs next to nothing where everything is in memory already. */
export function adviseAhead(segments: SegmentSet, extents: readonly Extent[]): void {
  advise(segments, extents, (mapping, start, end) => {
    mapping.advise('willneed', start, end - start);
  });
}

/** Costs about a sixth of the scan, so only for those larger than memory has room for. */
export function adviseBehind(segments: SegmentSet, extents: readonly Extent[]): void {
  advise(segments, extents, (mapping, start, end) => {
    mapping.advise('cold', start, end - start);
  });
}

function advise(
  segments: SegmentSet,
  extents: readonly Extent[],
  tell: (mapping: Mapping, start: number, end: number) => void,
): void {
  try {
    for (const { base, start, end } of extents) {
      const mapping = segments.beginningAt(base)?.mapping;
      if (mapping !== undefined) tell(mapping, start, Math.min(end, mapping.sizeBytes));
    }
  } catch (error) {
    // Whoever reads there will be told.
    if (!(error instanceof LogError)) throw error;
  }
}
