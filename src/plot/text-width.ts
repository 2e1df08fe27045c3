/** How much room text takes, without knowing the font: about what wide sans-serif ones take. */

const NARROW = new Set("iljtfrI.,:;|!'()[] ");
const WIDE = new Set('mwMW%@');

/** In pixels, for a size in pixels. */
export function textWidth(text: string, size: number): number {
  let width = 0;
  for (const character of text) width += widthOf(character);
  return width * size;
}

function widthOf(character: string): number {
  if (NARROW.has(character)) return 0.37;
  if (WIDE.has(character)) return 0.93;
  // From Hangul on, characters fill a square.
  if (character >= '\u1100') return 1;
  return character >= 'A' && character <= 'Z' ? 0.7 : 0.61;
}

/** The text, or as much of its beginning as there is room for. */
export function fitted(text: string, size: number, room: number): string {
  if (textWidth(text, size) <= room) return text;
  let kept = '';
  for (const character of text) {
    if (textWidth(`${kept}${character}…`, size) > room) break;
    kept += character;
  }
  return kept === '' ? '' : `${kept.trimEnd()}…`;
}
