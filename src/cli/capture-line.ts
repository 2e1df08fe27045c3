/** What a capture says of itself: in one line while it goes on, and at its end. */
import type { CaptureProgress, CaptureReport } from '../index.js';
import {
  formatBytes,
  formatCount,
  formatOffsets,
  formatSeconds,
  formatShort,
  perSecond,
  plural,
} from './output.js';

/** One thing to say, and the same where there is little room. */
type Piece = readonly [long: string, short: string];

const BETWEEN = '  ';

/** What has been done with events. */
export type Done = 'captured' | 'imported';

/** The most important first; what does not fit so many columns is left out. */
export function liveLine(progress: CaptureProgress, columns: number): string {
  const pieces = piecesOf(progress);
  const long = pieces.map(([text]) => text);
  for (const most of [long, long.slice(0, -1)]) {
    const text = most.join(BETWEEN);
    if (text.length <= columns) return text;
  }
  let line = '';
  for (const [, text] of pieces) {
    const longer = line === '' ? text : `${line}${BETWEEN}${text}`;
    if (longer.length <= columns) line = longer;
  }
  return line;
}

function piecesOf(progress: CaptureProgress): Piece[] {
  const { eventsPerSecond, bytesPerSecond, dropped, rejected, isFull, events } = progress;
  const rate = formatShort(eventsPerSecond);
  const speed = `${formatBytes(bytesPerSecond)}/s`;
  const lost = Object.values(dropped).reduce((sum, count) => sum + count, 0);
  const pieces: Piece[] = [[`${rate} events/s`, `${rate}/s`]];
  if (lost > 0) pieces.push([`dropped ${droppedText(dropped)}`, `drop ${formatShort(lost)}`]);
  if (rejected > 0)
    pieces.push([`rejected ${formatCount(rejected)}`, `bad ${formatShort(rejected)}`]);
  if (isFull) pieces.push(['log full', 'full']);
  pieces.push([speed, speed], lagPiece(progress), segmentPiece(progress));
  pieces.push([plural(events, 'event'), formatShort(events)]);
  return pieces;
}

/** How far the disk is behind. */
function lagPiece({ nextOffset, flushedOffset, lagMs }: CaptureProgress): Piece {
  const behind = formatShort(nextOffset - flushedOffset);
  return [`lag ${behind}, ${formatSeconds(lagMs)}`, `lag ${behind}`];
}

function segmentPiece({ segment }: CaptureProgress): Piece {
  const { base, usedBytes, sizeBytes } = segment;
  const filled = `${Math.floor((usedBytes / sizeBytes) * 100)}%`;
  return [`segment ${base} ${filled}`, `seg ${filled}`];
}

/** A sentence each. */
export function summaryOf(
  report: CaptureReport,
  rejectFile: string | undefined,
  done: Done,
): string[] {
  const { startOffset, firstOffset, rejected, dropped } = report;
  const lines = [capturedText(report, done)];
  if (startOffset > firstOffset) {
    lines.push(`the log begins at offset ${startOffset} now: the oldest have made room`);
  }
  if (Object.keys(dropped).length > 0) lines.push(`dropped ${droppedText(dropped)}`);
  if (rejected > 0) {
    const kept = rejectFile === undefined ? '' : `; they are in ${rejectFile}`;
    lines.push(`rejected ${formatCount(rejected)} of the input${kept}`);
  }
  return lines;
}

function capturedText(
  { events, bytes, firstOffset, nextOffset, elapsedMs }: CaptureReport,
  done: Done,
): string {
  if (events === 0) return `${done} nothing: no events came`;
  const offsets = formatOffsets({ from: firstOffset, to: nextOffset });
  const rate = `${formatCount(perSecond(events, elapsedMs))} events/s`;
  const speed = `${formatBytes(perSecond(bytes, elapsedMs))}/s`;
  return `${done} ${plural(events, 'event')}, ${formatBytes(bytes)} of log, as ${offsets} in ${formatSeconds(elapsedMs)} (${rate}, ${speed})`;
}

/** `12 (10 missed ticks, 2 log full)`. */
function droppedText(dropped: CaptureReport['dropped']): string {
  const reasons = Object.entries(dropped);
  const sum = reasons.reduce((total, [, count]) => total + count, 0);
  const named = reasons.map(([why, count]) => `${formatCount(count)} ${why}`).join(', ');
  const [first] = reasons;
  const why = reasons.length === 1 ? first?.[0] : named;
  return `${formatCount(sum)} (${why})`;
}
