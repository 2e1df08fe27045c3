/** What can be chosen: fields, the axis, the field to split by, how much of the newest. */
import type { Choice } from './choice.js';
import { byId, element, elementOf, fill, setText } from './elements.js';
import { lengthText } from './numbers.js';
import type { FieldInfo } from './server.js';

const MAX_FIELDS = 8;
const MAX_SPLIT_FIELDS = 4;
/** Seconds, or events. */
const SPANS = [2, 10, 30, 60, 300, 900, 3600, 6 * 3600, 24 * 3600];
const EVENT_SPANS = [1e3, 1e4, 1e5, 1e6];

export function canDraw({ kind, isTime }: FieldInfo): boolean {
  return (kind === 'number' || kind === 'integer' || kind === 'boolean') && !isTime;
}

/** The first time, else the offset; the first numbers besides. */
export function defaultChoice(fields: readonly FieldInfo[]): Choice {
  const time = fields.find(
    ({ isTime, kind }) => isTime && (kind === 'integer' || kind === 'number'),
  );
  const numbers = fields.filter(canDraw);
  // What counts or names is seldom what one wants to see first.
  const values = numbers.filter(({ type }) => type === 'double' || type === 'float');
  const first = (values.length > 0 ? values : numbers).slice(0, 2);
  const x = time?.path ?? '$offset';
  return {
    x,
    ys: first.map(({ path }) => path),
    by: undefined,
    isRate: false,
    view: { kind: 'live', span: defaultSpan(x, time?.unitNs) },
  };
}

export function defaultSpan(x: string, unitNs: number | undefined): number {
  return unitNs === undefined || x === '$offset' ? 1e5 : 60 / (unitNs / 1e9);
}

export class Controls {
  readonly #fields: readonly FieldInfo[];
  readonly #onChoice: (choice: Choice) => void;
  #choice: Choice;

  constructor(fields: readonly FieldInfo[], choice: Choice, onChoice: (choice: Choice) => void) {
    this.#fields = fields;
    this.#choice = choice;
    this.#onChoice = onChoice;
    this.#makeFields();
    this.#makeSelects();
    this.show(choice);
  }

  /** As it is now, whoever has changed it. */
  show(choice: Choice): void {
    this.#choice = choice;
    const { ys, by, x, isRate } = choice;
    const names = ys.join(', ');
    setText(byId('chosen'), names.length <= 32 ? names : String(ys.length));
    elementOf('by', HTMLSelectElement).value = by ?? '';
    elementOf('x', HTMLSelectElement).value = x;
    const perSecond = elementOf('perSecond', HTMLInputElement);
    perSecond.checked = isRate;
    perSecond.disabled = this.#unitNs === undefined;
    const most = by === undefined ? MAX_FIELDS : MAX_SPLIT_FIELDS;
    for (const box of byId('choices').querySelectorAll('input')) {
      box.checked = ys.includes(box.value);
      box.disabled = (!box.checked && ys.length >= most) || (box.checked && ys.length === 1);
    }
    this.#makeSpans();
  }

  /** How much the box of spans says. */
  get span(): number {
    return Number(elementOf('span', HTMLSelectElement).value);
  }

  get #unitNs(): number | undefined {
    const { x } = this.#choice;
    return x === '$timeMs' ? 1e6 : this.#fields.find(({ path }) => path === x)?.unitNs;
  }

  #makeFields(): void {
    const boxes = this.#fields.filter(canDraw).map(({ path, type }) => {
      const box = element('input', { type: 'checkbox', value: path });
      box.addEventListener('change', () => this.#toggle(path, box.checked));
      return element('label', {}, box, path, element('small', {}, type));
    });
    const fieldset = byId('choices');
    fieldset.append(...boxes);
    const filter = elementOf('filter', HTMLInputElement);
    filter.addEventListener('input', () => {
      const wanted = filter.value.toLowerCase();
      for (const box of boxes) box.hidden = !(box.textContent ?? '').toLowerCase().includes(wanted);
    });
    const menu = elementOf('fields', HTMLDetailsElement);
    document.addEventListener('pointerdown', ({ target }) => {
      if (target instanceof Node && !menu.contains(target)) menu.open = false;
    });
    menu.addEventListener('keydown', ({ key }) => {
      if (key !== 'Escape' || !menu.open) return;
      menu.open = false;
      menu.querySelector('summary')?.focus();
    });
    // Enter in the box of the filter sends nothing.
    byId('controls').addEventListener('submit', (event) => event.preventDefault());
  }

  #toggle(path: string, isChosen: boolean): void {
    const others = this.#choice.ys.filter((y) => y !== path);
    const ys = isChosen ? [...others, path] : others;
    if (ys.length > 0) this.#change({ ys });
  }

  #makeSelects(): void {
    const groups = this.#fields.filter(
      ({ type, isTime }) => !['double', 'float'].includes(type) && !isTime,
    );
    const by = elementOf('by', HTMLSelectElement);
    fill(by, [
      element('option', { value: '' }, 'nothing'),
      ...groups.map(({ path }) => element('option', { value: path }, path)),
    ]);
    by.addEventListener('change', () => {
      const ys = by.value === '' ? this.#choice.ys : this.#choice.ys.slice(0, MAX_SPLIT_FIELDS);
      this.#change({ by: by.value === '' ? undefined : by.value, ys });
    });
    const times = this.#fields.filter(({ isTime, kind }) => isTime && kind !== 'enum');
    const x = elementOf('x', HTMLSelectElement);
    fill(x, [
      ...times.map(({ path }) => element('option', { value: path }, path)),
      element('option', { value: '$timeMs' }, 'time of commit'),
      element('option', { value: '$offset' }, 'offset'),
    ]);
    x.addEventListener('change', () => this.#changeAxis(x.value));
    const perSecond = elementOf('perSecond', HTMLInputElement);
    perSecond.addEventListener('change', () => this.#change({ isRate: perSecond.checked }));
  }

  #changeAxis(x: string): void {
    this.#choice = { ...this.#choice, x };
    const { view } = this.#choice;
    const span = defaultSpan(x, this.#unitNs);
    this.#change({ view: view.kind === 'live' ? { kind: 'live', span } : { kind: 'stretch' } });
  }

  #change(change: Partial<Choice>): void {
    const choice = { ...this.#choice, ...change };
    this.show(choice);
    this.#onChoice(choice);
  }

  #makeSpans(): void {
    const unitNs = this.#unitNs;
    const { view } = this.#choice;
    const spans =
      unitNs === undefined ? EVENT_SPANS : SPANS.map((seconds) => (seconds * 1e9) / unitNs);
    const chosen = view.kind === 'live' ? view.span : undefined;
    const all =
      chosen === undefined || spans.includes(chosen)
        ? spans
        : [...spans, chosen].sort((a, b) => a - b);
    const select = elementOf('span', HTMLSelectElement);
    const before = chosen ?? (Number(select.value) || defaultSpan(this.#choice.x, unitNs));
    const texts = all.map((span) =>
      unitNs === undefined ? `${lengthText(span, undefined)} events` : lengthText(span, unitNs),
    );
    if ([...select.options].map(({ text }) => text).join() !== texts.join()) {
      fill(
        select,
        all.map((span, i) => element('option', { value: String(span) }, texts[i] ?? '')),
      );
    }
    select.value = String(all.includes(before) ? before : all[3]);
  }
}
