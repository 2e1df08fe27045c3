/** Who may ask: by the name that is asked for, where the asking page comes from, and a token. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP, isIPv6 } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';

/** Of every answer. Nothing comes from elsewhere, nothing is inline, nobody frames the page. */
export const HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};

/** What a request is told. */
export type Verdict =
  | { readonly is: 'welcome' }
  | { readonly is: 'refused'; readonly status: 401 | 403 | 421; readonly reason: string }
  /** The token was in the address: it goes into a cookie, and out of sight. */
  | { readonly is: 'introduced'; readonly cookie: string };

const TOKEN_BYTES = 24;
const MIN_TOKEN = 16;
const MAX_TOKEN = 256;

export function makeToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}

/**
 * A token that is hard to guess, and can stand in an address and a cookie.
 * @throws {RangeError}
 */
export function checkToken(token: string): string {
  if (/^[\w.~-]+$/.test(token) && token.length >= MIN_TOKEN && token.length <= MAX_TOKEN) {
    return token;
  }
  throw new RangeError(
    `Invalid token: expected ${MIN_TOKEN} to ${MAX_TOKEN} letters, digits and _ . ~ -`,
  );
}

export function isLoopback(address: string): boolean {
  return address === '::1' || address === '::ffff:127.0.0.1' || /^127(?:\.\d+){3}$/.test(address);
}

/** Names by which the server may be asked for: with its address, a page elsewhere cannot make up others. */
export function ownNames(host: string, address: string, more: readonly string[]): Set<string> {
  const names = new Set([host, address, ...more].map((name) => name.toLowerCase()));
  if (isLoopback(address)) for (const name of ['localhost', '127.0.0.1', '::1']) names.add(name);
  if (address !== '0.0.0.0' && address !== '::') return names;
  for (const name of ['localhost', hostname().toLowerCase()]) names.add(name);
  for (const each of Object.values(networkInterfaces()).flat()) {
    if (each !== undefined) names.add(each.address.toLowerCase());
  }
  return names;
}

export class Guard {
  readonly #names: ReadonlySet<string>;
  readonly #digest: Buffer | undefined;
  readonly #cookie: string;

  constructor(names: ReadonlySet<string>, port: number, token: string | undefined) {
    this.#names = names;
    this.#digest = token === undefined ? undefined : digestOf(token);
    // Cookies know no ports: each server on a machine has its own.
    this.#cookie = `stratalog-${port}`;
  }

  /** `isPage`: the page itself is asked for, which shows nothing by itself. */
  judge(request: IncomingMessage, url: URL, isPage: boolean): Verdict {
    const { headers } = request;
    if (!this.#isOurs(headers.host)) {
      return refused(421, 'This server is not called so: ask for it by its address');
    }
    if (!isFromHere(headers, isPage)) return refused(403, 'Refused: asked for by another site');
    if (this.#digest === undefined) return { is: 'welcome' };
    const given = url.searchParams.get('token');
    if (isPage && given !== null && this.#isToken(given)) {
      // Lax: links from elsewhere open the page, as they do without a token; nothing else is sent it.
      const cookie = `${this.#cookie}=${given}; Path=/; HttpOnly; SameSite=Lax`;
      return { is: 'introduced', cookie };
    }
    if (this.#isToken(cookieNamed(this.#cookie, headers.cookie))) return { is: 'welcome' };
    return refused(401, 'A token is needed: open the address that `stratalog serve` has printed');
  }

  /** On whatever port: a tunnel has one of its own, and a page elsewhere could not make up the name. */
  #isOurs(host: string | undefined): boolean {
    const [, bracketed, plain] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d{1,5})?$/.exec(host ?? '') ?? [];
    const name = (bracketed ?? plain)?.toLowerCase();
    return name !== undefined && this.#names.has(name);
  }

  /** In a time that says nothing of how much of it is right. */
  #isToken(given: string | undefined): boolean {
    const { length } = given ?? '';
    const isLikely = given !== undefined && length <= MAX_TOKEN;
    const digest = digestOf(isLikely ? given : '');
    return timingSafeEqual(digest, this.#digest ?? digestOf('none')) && isLikely;
  }
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

function refused(status: 401 | 403 | 421, reason: string): Verdict {
  return { is: 'refused', status, reason };
}

/**
 * Browsers say where a request comes from. A link to the page from elsewhere is no harm: what it shows, it
 * asks for by itself.
 */
function isFromHere(headers: IncomingMessage['headers'], isPage: boolean): boolean {
  const { host, origin } = headers;
  if (origin !== undefined && origin !== `http://${host}`) return false;
  const site = headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin' || site === 'none') return true;
  const isLink =
    headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
  return isPage && isLink;
}

function cookieNamed(name: string, header: string | undefined): string | undefined {
  const found = header?.split(';').map((each) => each.trim().split('=', 2));
  return found?.find(([each]) => each === name)?.[1];
}

/** What others may ask for, where the server listens on all addresses of the machine. */
export function reachableHost(host: string, address: string): string {
  if (address !== '0.0.0.0' && address !== '::') return host;
  const others = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return (
    others.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? 'localhost'
  );
}

/** As it stands in an address. */
export function hostInUrl(host: string): string {
  return isIP(host) !== 0 && isIPv6(host) ? `[${host}]` : host;
}
