/**
 * What is appended as the record of an offset: it begins with the offset and the flavour of the log's
 * history, so that a record of elsewhere is known as one; empty now and then, of every length modulo 8.
 */
export function payloadOf(offset: number, flavour: string): Buffer {
  if (offset % 11 === 5) return Buffer.alloc(0);
  const length = offset % 7 === 3 ? 700 + (offset % 9) : 24 + ((offset * 37) % 190);
  const name = `${flavour}${offset} `;
  return Buffer.from(name.repeat(Math.ceil(length / name.length)).slice(0, length));
}
