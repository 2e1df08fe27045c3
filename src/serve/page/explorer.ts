/** What is shown of a log, and how it gets there: history for stretches, frames for what comes. */
import { Buckets } from './buckets.js';
import { absolute, fragmentOf, relative, type Choice, type View } from './choice.js';
import type { Frame, PictureFrame } from './frames.js';
import type { Drawing, Panels, Range } from './panels.js';
import { LiveConnection, Refused, askHistory, type FieldInfo, type LiveEvents } from './server.js';

export interface ExplorerEvents extends Pick<LiveEvents, 'onStatus' | 'onConnection'> {
  /** The view, or what is known about it, is another. */
  readonly onChange: () => void;
  readonly onProblem: (text: string) => void;
}

/** How soon what is shown runs after what has come. */
const GLIDE_MS = 120;
/** While a view moves, history is asked for so often at most. */
const ASK_MS = 80;
/** An answer that was not complete is asked for again. */
const AGAIN_MS = 400;
const MAX_BACK = 50;
const MAX_PIXELS = 2048;
/** Beside what is shown, so much is asked for on either side, to be there when it moves. */
const MARGIN = 0.5;

export class Explorer {
  choice: Choice;
  /** What is shown now, along x less the origin; `undefined` before the first answer. */
  range: Range | undefined;
  origin = 0n;
  picture: PictureFrame | undefined;
  /** Frames drawn, ever. */
  drawn = 0;
  readonly #fields: ReadonlyMap<string, FieldInfo>;
  readonly #panels: Panels;
  readonly #events: ExplorerEvents;
  readonly #back: View[] = [];
  #buckets = new Buckets();
  #lineNames: readonly string[] | undefined;
  #connection: LiveConnection | undefined;
  #asking: AbortController | undefined;
  #askTimer: number | undefined;
  #lastAsked = -Infinity;
  /** Frames that came before the history that they follow; `undefined`: that is there. */
  #early: Frame[] | undefined = [];
  #liveFrom = 0;
  #glidedAt = 0;
  #theme: 'light' | 'dark' = 'light';

  constructor(
    fields: readonly FieldInfo[],
    choice: Choice,
    panels: Panels,
    events: ExplorerEvents,
  ) {
    this.#fields = new Map(fields.map((field) => [field.path, field]));
    this.choice = choice;
    this.#panels = panels;
    this.#events = events;
    const drawOn = (now: number): void => {
      this.#draw(now);
      requestAnimationFrame(drawOn);
    };
    requestAnimationFrame(drawOn);
  }

  get isLive(): boolean {
    return this.choice.view.kind === 'live';
  }

  get canGoBack(): boolean {
    return this.#back.length > 0;
  }

  get unitNs(): number | undefined {
    return this.#field(this.choice.x).unitNs;
  }

  /** Offsets of what is shown, as far as that is known. */
  get offsets(): { from: number; to: number } | undefined {
    if (this.picture === undefined) return undefined;
    const { from } = this.picture.offsets;
    return { from, to: this.isLive ? this.#buckets.endOffset : this.picture.offsets.to };
  }

  set theme(theme: 'light' | 'dark') {
    this.#theme = theme;
    this.#shape();
  }

  /** Other fields, another axis: everything anew. */
  choose(choice: Choice): void {
    const isOtherX = choice.x !== this.choice.x;
    this.choice = choice;
    if (isOtherX) {
      this.range = undefined;
      this.#back.length = 0;
    }
    this.#buckets = new Buckets();
    this.#lineNames = undefined;
    this.picture = undefined;
    this.#panels.destroy();
    this.connect();
  }

  /** Opens the stream, and asks for what is to be seen. */
  connect(): void {
    this.#connection?.close();
    this.#early = [];
    const { onStatus, onConnection } = this.#events;
    const { x, ys, by } = this.choice;
    const parameters = ys.length === 0 ? {} : { x, y: ys.join(','), by };
    this.#connection = new LiveConnection(parameters, {
      onStatus,
      onConnection,
      onHello: ({ offset, origin }) => this.#begin(offset, BigInt(origin)),
      onFrame: (frame) => this.#take(frame),
      onReset: () => this.#ask(0),
    });
    if (!this.isLive) this.#ask(0);
  }

  disconnect(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  // --- What is looked at ---

  show(view: View, remember = true): void {
    if (remember) this.#remember();
    this.choice = { ...this.choice, view };
    if (view.kind === 'live') {
      this.#early = [];
      this.#liveFrom = 0;
    } else if (view.from !== undefined && view.to !== undefined && this.picture !== undefined) {
      this.range = { from: relative(this.origin, view.from), to: relative(this.origin, view.to) };
    }
    this.#ask(0);
    this.#keepLink();
    this.#events.onChange();
  }

  showRange(range: Range, remember = true): void {
    if (!(range.to > range.from) || !Number.isFinite(range.to - range.from)) return;
    if (remember) this.#remember();
    this.range = range;
    const { from, to } = range;
    const view = {
      kind: 'stretch',
      from: absolute(this.origin, from),
      to: absolute(this.origin, to),
    } as const;
    this.choice = { ...this.choice, view };
    this.#ask(ASK_MS);
    this.#keepLink();
    this.#events.onChange();
  }

  goBack(): void {
    const view = this.#back.pop();
    if (view === undefined) this.show({ kind: 'stretch' }, false);
    else this.show(view, false);
  }

  pan(share: number): void {
    const { range } = this;
    if (range === undefined) return;
    const by = (range.to - range.from) * share;
    this.showRange({ from: range.from + by, to: range.to + by }, this.isLive);
  }

  zoom(factor: number, around: number): void {
    const { range } = this;
    if (range === undefined) return;
    const { view } = this.choice;
    // What follows goes on following, with more or less of it.
    if (view.kind === 'live') {
      this.show({ kind: 'live', span: view.span * factor }, false);
      return;
    }
    const length = range.to - range.from;
    const longest = Math.max(length, 4 * this.#whole());
    const next = Math.min(longest, Math.max(this.#least(), length * factor));
    const at = range.from + length * around;
    this.showRange({ from: at - next * around, to: at + next * (1 - around) }, false);
  }

  /** Holds still what is shown, or follows again. */
  toggleLive(span: number): void {
    if (this.isLive && this.range !== undefined) this.showRange(this.range);
    else this.show({ kind: 'live', span });
  }

  /** As far as doubles tell places apart. */
  #least(): number {
    const { from, to } = this.range ?? { from: 0, to: 1 };
    const size = Math.max(Math.abs(from), Math.abs(to), 1);
    const isInteger = this.#field(this.choice.x).kind !== 'number' || this.choice.x.startsWith('$');
    return Math.max(size * 2 ** -48, isInteger ? 4 : 0);
  }

  #whole(): number {
    const { xMin, xMax } = this.#buckets;
    return (xMax.at(-1) ?? 1) - (xMin[0] ?? 0);
  }

  #remember(): void {
    this.#back.push(this.choice.view);
    if (this.#back.length > MAX_BACK) this.#back.shift();
  }

  #keepLink(): void {
    history.replaceState(null, '', fragmentOf(this.choice));
  }

  #field(path: string): FieldInfo {
    const unknown = { path, type: '', kind: 'integer', isTime: false } as const;
    return (
      this.#fields.get(path) ??
      (path === '$timeMs' ? { ...unknown, isTime: true, unitNs: 1e6 } : unknown)
    );
  }

  // --- What comes ---

  #begin(offset: number, origin: bigint): void {
    this.origin = origin;
    this.#liveFrom = offset;
    if (this.isLive) this.#ask(0);
  }

  #take(frame: Frame): void {
    if (!this.isLive) return;
    if (this.#early !== undefined) {
      this.#early.push(frame);
      // Nobody has answered: what is missing is asked for when somebody does.
      if (this.#early.length > 100) this.#early.shift();
      return;
    }
    if (frame.offsets.from > this.#buckets.endOffset) {
      // Some were skipped: the history of them is there.
      this.#early = [frame];
      this.#liveFrom = frame.offsets.from;
      this.#ask(500);
      return;
    }
    this.#add(frame);
  }

  #add(frame: Frame): void {
    const { view } = this.choice;
    if (view.kind !== 'live' || frame.offsets.to <= this.#buckets.endOffset) return;
    this.#buckets.add(frame, view.span / this.#panels.width);
    this.#buckets.dropBefore((this.#buckets.newest ?? 0) - 1.5 * view.span);
    this.#shape(frame.lineNames);
  }

  // --- What is asked for ---

  #ask(afterMs: number): void {
    clearTimeout(this.#askTimer);
    const wait = Math.max(0, Math.min(afterMs, this.#lastAsked + afterMs - performance.now()));
    this.#askTimer = setTimeout(() => void this.#askNow(), wait);
  }

  async #askNow(): Promise<void> {
    this.#lastAsked = performance.now();
    this.#asking?.abort();
    if (this.choice.ys.length === 0) return;
    const asking = new AbortController();
    this.#asking = asking;
    const { view } = this.choice;
    try {
      const { before, parameters } = this.#parametersFor(view);
      const picture = await askHistory(parameters, asking.signal);
      if (this.#asking !== asking || view !== this.choice.view) return;
      this.#accept(picture, view, before);
    } catch (error) {
      if (asking.signal.aborted || (error instanceof Refused && error.status === 409)) return;
      this.#events.onProblem(error instanceof Error ? error.message : String(error));
      if (!(error instanceof Refused) || error.status >= 500) this.#ask(2000);
    }
  }

  #parametersFor(view: View): {
    before: number | undefined;
    parameters: Record<string, string | undefined>;
  } {
    const { x, ys, by } = this.choice;
    const width = Math.min(MAX_PIXELS, Math.max(64, this.#panels.width));
    const common = { x, y: ys.join(','), by };
    if (view.kind === 'live') {
      const before =
        this.#early?.[0]?.offsets.from ?? Math.max(this.#liveFrom, this.#buckets.endOffset);
      const parameters = {
        ...common,
        last: String(1.1 * view.span),
        px: String(Math.round(width)),
        before: before > 0 ? String(before) : undefined,
      };
      return { before, parameters };
    }
    const places = this.#withMargin(view);
    const px = String(Math.round(Math.min(2 * MAX_PIXELS, width * places.times)));
    return { before: undefined, parameters: { ...common, from: places.from, to: places.to, px } };
  }

  #withMargin({ from, to }: Extract<View, { kind: 'stretch' }>): {
    from: string | undefined;
    to: string | undefined;
    times: number;
  } {
    const { range } = this;
    if (
      from === undefined ||
      to === undefined ||
      range === undefined ||
      this.picture === undefined
    ) {
      return { from, to, times: 1 };
    }
    const more = (range.to - range.from) * MARGIN;
    return {
      from: absolute(this.origin, range.from - more),
      to: absolute(this.origin, range.to + more),
      times: 1 + 2 * MARGIN,
    };
  }

  #accept(picture: PictureFrame, view: View, before: number | undefined): void {
    const isFirst = this.picture === undefined;
    this.picture = picture;
    this.origin = BigInt(picture.origin);
    this.#buckets.replace(picture);
    if (view.kind === 'live') {
      this.#buckets.endOffset = before === undefined || before === 0 ? picture.offsets.to : before;
      for (const frame of this.#early ?? []) this.#add(frame);
      this.#early = undefined;
      this.#glide(view.span, performance.now());
    } else if (isFirst || view.from === undefined || view.to === undefined) {
      const { from, to } = picture;
      this.range = from === to ? { from: from - 1, to: to + 1 } : { from, to };
    }
    this.#shape(picture.lineNames);
    this.#events.onProblem('');
    this.#events.onChange();
    if (!picture.isComplete) this.#ask(AGAIN_MS);
  }

  // --- Drawing ---

  #shape(lineNames = this.#lineNames): void {
    this.#lineNames = lineNames;
    if (this.picture === undefined) return;
    const { x, ys, isRate } = this.choice;
    const { isTime, unitNs } = this.#field(x);
    const drawing: Drawing = {
      ys,
      lineNames,
      x: { field: x, origin: this.origin, isTime, unitNs },
      isRate: isRate && unitNs !== undefined,
    };
    this.#panels.shape(drawing, this.#theme);
    this.#buckets.version++;
  }

  #draw(now: number): void {
    const { view } = this.choice;
    if (view.kind === 'live') this.#glide(view.span, now);
    const { range } = this;
    if (range === undefined || this.picture === undefined) return;
    this.#panels.draw(this.#buckets, range);
    this.drawn++;
  }

  /** Follows the newest event smoothly, however it comes. */
  #glide(span: number, now: number): void {
    const { newest } = this.#buckets;
    const elapsed = Math.min(200, now - this.#glidedAt);
    this.#glidedAt = now;
    if (newest === undefined) return;
    const to = this.range?.to;
    const isFar = to === undefined || !(Math.abs(newest - to) < span);
    const distance = newest - (to ?? newest);
    const isThere = Math.abs(distance) < (span / this.#panels.width) * 0.1;
    const next = isFar || isThere ? newest : to + distance * (1 - Math.exp(-elapsed / GLIDE_MS));
    if (next === to && this.range !== undefined && this.range.from === next - span) return;
    this.range = { from: next - span, to: next };
  }
}
