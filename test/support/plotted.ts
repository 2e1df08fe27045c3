/** Logs to draw, checked when their test is over; and pictures, taken apart. */
import { inflateSync } from 'node:zlib';
import { afterEach, expect } from 'vitest';
import {
  defineSchema,
  openEventAppender,
  verifyEventLog,
  type FieldDefinition,
  type LineSeries,
  type PlainEvent,
} from '../../src/index.js';
import { temporaryLogPath } from './temporary-log.js';

const made: string[] = [];

afterEach(() => {
  for (const path of made.splice(0)) expect(verifyEventLog(path).malformed).toBe(0);
});

/** Fields as `name type`, with a `?` behind what may be null. */
export function fieldsOf(...fields: readonly string[]): FieldDefinition[] {
  return fields.map((field) => {
    const [, name = '', type = '', optional] = /^(\w+) (\w+)(\?)?$/.exec(field) ?? [];
    return { name, type: type as FieldDefinition['type'], optional: optional === '?' };
  });
}

export async function logOfEvents(
  fields: readonly string[],
  events: Iterable<PlainEvent>,
): Promise<string> {
  const path = temporaryLogPath();
  const appender = openEventAppender(path, {
    schema: defineSchema('plot.Event', fieldsOf(...fields)),
    commit: { bytes: 32_768 },
    flush: 'none',
    maintenance: false,
  });
  for (const event of events) appender.append(event);
  await appender.close();
  made.push(path);
  return path;
}

export function* repeated(
  count: number,
  event: (i: number) => PlainEvent,
): Generator<PlainEvent, void> {
  for (let i = 0; i < count; i++) yield event(i);
}

/** What a line has, but for where it is interrupted. */
export function present(list: LineSeries['x']): number[] {
  return list.filter((value) => value !== null);
}

interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  text: string;
}

/**
 * The elements of an XML text.
 * @throws it is not well-formed: elements or quotes not closed, an unknown entity, a stray character
 */
export function xmlElements(xml: string): XmlElement[] {
  const found: XmlElement[] = [];
  const open: XmlElement[] = [];
  const token = /<(\/?)(\w+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>|([^<>]+)/gy;
  let at = 0;
  for (const match of xml.matchAll(token)) {
    if (match.index !== at) break;
    at += match[0].length;
    const [, closing, name = '', attributes = '', alone, text] = match;
    if (text !== undefined) {
      const last = open.at(-1);
      if (last === undefined && text.trim() !== '') throw new Error(`Text outside: ${text}`);
      if (last !== undefined) last.text += decoded(text);
    } else if (closing === '/') {
      if (open.pop()?.name !== name) throw new Error(`Element ${name} is not open`);
    } else {
      const pairs = [...attributes.matchAll(/([\w:-]+)="([^"]*)"/g)];
      const all = pairs.map(([, key = '', value = '']): [string, string] => [key, decoded(value)]);
      if (new Set(all.map(([key]) => key)).size < all.length) throw new Error(`Twice: ${match[0]}`);
      const element = { name, attributes: Object.fromEntries(all), text: '' };
      found.push(element);
      if (alone !== '/') open.push(element);
    }
  }
  if (at !== xml.length) throw new Error(`Not XML: ${xml.slice(at, at + 50)}`);
  if (open.length > 0) throw new Error(`Not closed: ${open.map(({ name }) => name).join(' ')}`);
  return found;
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  '#39': "'",
};

function decoded(text: string): string {
  return text.replaceAll(/&([^;\s]*);?/g, (all, name: string) => {
    const character = ENTITIES[name];
    if (character === undefined || !all.endsWith(';')) throw new Error(`Not an entity: ${all}`);
    return character;
  });
}

export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** Red, green, blue and opacity of each. */
  readonly rgba: Uint8Array;
}

/** Decodes a PNG of 8 bits and four channels, which is what the renderer makes. */
export function decodePng(png: Uint8Array): Pixels {
  const view = Buffer.from(png);
  expect(view.subarray(1, 4).toString('latin1')).toBe('PNG');
  const [width, height] = [view.readUInt32BE(16), view.readUInt32BE(20)];
  expect([view[24], view[25], view[28]]).toEqual([8, 6, 0]);
  const parts: Buffer[] = [];
  for (let at = 8; at < view.length;) {
    const length = view.readUInt32BE(at);
    const type = view.toString('latin1', at + 4, at + 8);
    if (type === 'IDAT') parts.push(view.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  return { width, height, rgba: unfiltered(inflateSync(Buffer.concat(parts)), width, height) };
}

function unfiltered(data: Buffer, width: number, height: number): Uint8Array {
  const stride = width * 4;
  const rgba = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    const filter = data[y * (stride + 1)] ?? 0;
    for (let i = 0; i < stride; i++) {
      const raw = data[y * (stride + 1) + 1 + i] ?? 0;
      const left = i >= 4 ? (rgba[y * stride + i - 4] ?? 0) : 0;
      const up = y > 0 ? (rgba[(y - 1) * stride + i] ?? 0) : 0;
      const corner = y > 0 && i >= 4 ? (rgba[(y - 1) * stride + i - 4] ?? 0) : 0;
      const predicted = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter] ?? 0;
      rgba[y * stride + i] = raw + predicted;
    }
  }
  return rgba;
}

function paeth(left: number, up: number, corner: number): number {
  const estimate = left + up - corner;
  const [a, b, c] = [left, up, corner].map((each) => Math.abs(estimate - each)) as [
    number,
    number,
    number,
  ];
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}
