/** Everything of the page that is no plot: tiles, segments, tailers, the table of the newest records. */
import { byId, element, elementOf, fill, setText } from './elements.js';
import { bytes, count, short } from './numbers.js';
import type { LogStatus, SegmentStatus } from '../messages.js';
import type { LogInfo, NewestRows } from './server.js';

const WRITERS: Readonly<Record<string, string>> = {
  appending: 'live',
  closed: 'closed',
  died: 'writer has died',
};
/** Seconds of the small curve of rates. */
const SPARK_SECONDS = 60;

export class Board {
  readonly #rates: number[] = [];
  #status: LogStatus | undefined;

  begin({ name, schema, status, segments }: LogInfo): void {
    setText(byId('name'), name);
    setText(byId('schema'), schema ?? 'bytes, without a schema');
    document.title = `${name} · stratalog`;
    this.take(status, segments);
  }

  take(status: LogStatus, segments: readonly SegmentStatus[]): void {
    this.#status = status;
    const writer = byId('writer');
    writer.dataset['state'] = status.writer;
    setText(writer, WRITERS[status.writer] ?? status.writer);
    const lag = status.committedOffset - status.flushedOffset;
    setText(byId('rate'), short(status.recordsPerSecond));
    setText(byId('bytes'), bytes(status.bytesPerSecond));
    setText(byId('lag'), lag === 0 ? '0' : short(lag));
    setText(byId('total'), short(status.committedOffset - status.startOffset));
    byId('total').title =
      `${count(status.committedOffset - status.startOffset)} from offset ${count(status.startOffset)} on`;
    this.#rates.push(status.recordsPerSecond);
    if (this.#rates.length > SPARK_SECONDS) this.#rates.shift();
    this.drawRates();
    showTailers(status);
    showSegments(segments);
  }

  /** Which part of the log the plots show. */
  mark(offsets: { readonly from: number; readonly to: number } | undefined): void {
    const { startOffset = 0, committedOffset = 0 } = this.#status ?? {};
    const whole = Math.max(1, committedOffset - startOffset);
    const mark = byId('segments').querySelector('mark') ?? element('mark');
    if (offsets === undefined) mark.remove();
    else {
      const share = (offset: number): number =>
        Math.min(1, Math.max(0, (offset - startOffset) / whole));
      const left = share(offsets.from);
      mark.style.left = `min(${(100 * left).toFixed(3)}%, 100% - 5px)`;
      mark.style.width = `${(100 * (share(offsets.to) - left)).toFixed(3)}%`;
      if (mark.parentElement === null) byId('segments').append(mark);
    }
  }

  drawRates(): void {
    const canvas = elementOf('spark', HTMLCanvasElement);
    const context = canvas.getContext('2d');
    if (context === null) return;
    const ratio = window.devicePixelRatio;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
    if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const most = Math.max(...this.#rates, 1);
    const accent = getComputedStyle(document.documentElement).getPropertyValue('--accent');
    const xOf = (i: number): number =>
      width - ((this.#rates.length - 1 - i) * width) / (SPARK_SECONDS - 1);
    const yOf = (rate: number): number => height - 2 - (rate / most) * (height - 8);
    context.beginPath();
    this.#rates.forEach((rate, i) => context.lineTo(xOf(i), yOf(rate)));
    context.strokeStyle = accent;
    context.lineWidth = 1.5;
    context.stroke();
    context.lineTo(width, height);
    context.lineTo(xOf(0), height);
    context.globalAlpha = 0.14;
    context.fillStyle = accent;
    context.fill();
    context.globalAlpha = 1;
  }

  showRows({ columns, rows }: NewestRows): void {
    const table = elementOf('rows', HTMLTableElement);
    const head = ['offset', 'committed', ...columns];
    const cells = head.map((name, i) => element('th', i === 0 ? { class: 'number' } : {}, name));
    fill(table.tHead as HTMLElement, [element('tr', {}, ...cells)]);
    fill(
      table.tBodies[0] as HTMLElement,
      rows.map(({ offset, timeMs, cells: texts, problem }) => {
        const time = timeMs === undefined ? '' : new Date(timeMs).toISOString().slice(11, 23);
        const shown = texts.map((text) =>
          element('td', isNumber(text) ? { class: 'number' } : {}, text),
        );
        const rest =
          problem === undefined
            ? shown
            : [element('td', { colspan: String(columns.length) }, problem)];
        return element(
          'tr',
          {},
          element('td', { class: 'number' }, count(offset)),
          element('td', {}, time),
          ...rest,
        );
      }),
    );
    columns.forEach((_, i) => {
      const isColumnOfNumbers = rows.every(
        ({ cells: texts }) => isNumber(texts[i] ?? '') || (texts[i] ?? '') === '',
      );
      cells[i + 2]?.classList.toggle('number', isColumnOfNumbers);
    });
  }
}

function isNumber(text: string): boolean {
  return /^-?\d/.test(text);
}

function showTailers({ tailers }: LogStatus): void {
  setText(byId('tailers-text'), tailers.length === 0 ? 'none' : String(tailers.length));
  const body = elementOf('tailers', HTMLTableElement).tBodies[0] as HTMLElement;
  fill(
    body,
    tailers.map(({ name, pid, follows, lag }) =>
      element(
        'tr',
        {},
        element('td', {}, name),
        element('td', { class: 'number' }, String(pid)),
        element('td', {}, follows),
        element('td', { class: 'number' }, short(lag)),
      ),
    ),
  );
}

let shownSegments = '';

function showSegments(segments: readonly SegmentStatus[]): void {
  const key = JSON.stringify(segments.map(({ from, usedBytes }) => [from, usedBytes >> 14]));
  if (key === shownSegments) return;
  shownSegments = key;
  const place = byId('segments');
  const mark = place.querySelector('mark');
  const files = segments.reduce((sum, each) => sum + each.files, 0);
  const used = segments.reduce((sum, each) => sum + each.usedBytes, 0);
  const text = `${count(files)}, ${bytes(used)}`;
  setText(byId('segments-text'), text);
  place.setAttribute(
    'aria-label',
    `${text}${segments.at(-1)?.isSealed === false ? '; the last is being written' : ''}`,
  );
  fill(
    place,
    segments.map((each) => {
      const bar = element('i', {
        title: `from ${count(each.from)}: ${count(each.records)} records, ${bytes(each.usedBytes)} of ${bytes(each.sizeBytes)}`,
        class: each.isSealed ? '' : 'open',
      });
      bar.style.flexGrow = String(Math.max(each.records, 1));
      bar.style.setProperty('--used', `${(100 * each.usedBytes) / each.sizeBytes}%`);
      return bar;
    }),
  );
  if (mark !== null) place.append(mark);
}
