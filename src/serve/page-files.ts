/** The files that the page consists of: these, by these names, and no others. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { DOCUMENT } from './document.js';
import { STYLE } from './style.js';

export interface PageFile {
  readonly type: string;
  readonly content: Buffer;
}

const SCRIPT = 'text/javascript; charset=utf-8';
const STYLESHEET = 'text/css; charset=utf-8';

/** Modules of the page, by their place in `dist`. */
const MODULES =
  'board buckets choice controls elements explorer frames gestures main numbers panels server'
    .split(' ')
    .map((name) => `serve/page/${name}.js`);

/** And what these import of others. */
const SHARED = [
  'plot/units.js',
  'plot/ticks.js',
  'plot/time-ticks.js',
  'plot/themes.js',
  'query/time-units.js',
];

/** Read once: a file that changes later is that of another version. */
export function loadPage(): ReadonlyMap<string, PageFile> {
  const files = new Map<string, PageFile>();
  const uplot = createRequire(import.meta.url).resolve('uplot/dist/uPlot.esm.js');
  const add = (path: string, type: string, content: Buffer): void => {
    files.set(path, { type, content });
  };
  add('/', 'text/html; charset=utf-8', Buffer.from(DOCUMENT));
  add('/style.css', STYLESHEET, Buffer.from(STYLE));
  add('/uplot.css', STYLESHEET, readFileSync(uplot.replace('uPlot.esm.js', 'uPlot.min.css')));
  add('/serve/page/uplot.js', SCRIPT, readFileSync(uplot));
  add('/icon.svg', 'image/svg+xml', Buffer.from(ICON));
  for (const path of [...MODULES, ...SHARED]) {
    const file = fileURLToPath(new URL(`../${path}`, import.meta.url));
    add(`/${path}`, SCRIPT, Buffer.from(withoutMap(readFileSync(file, 'utf8'))));
  }
  return files;
}

/** Source maps are not served. */
function withoutMap(script: string): string {
  return script.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n');
}

const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0072b2"/><path d="M5 20l5-7 5 5 5-10 7 12" fill="none" stroke="#fff" stroke-width="3" stroke-linejoin="round" stroke-linecap="round"/></svg>`;
