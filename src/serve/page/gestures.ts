/** Wheel, fingers and keys, as what they mean: moves and zooms. */

export interface Moves {
  /** By a share of what is shown; more than 0: later. */
  readonly pan: (share: number) => void;
  /** Shows so many times as much, around a place from 0 (left) to 1. */
  readonly zoom: (factor: number, around: number) => void;
  readonly toggleLive: () => void;
  readonly showAll: () => void;
  readonly back: () => void;
  readonly help: () => void;
}

const STEP = 0.25;
const ZOOM = 1.6;

export function listenToKeys(plots: HTMLElement, moves: Moves): void {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.target instanceof Element ? event.target : document.body;
    if (target.closest('input:not([type=checkbox]), select, textarea, dialog') !== null) return;
    // A button that has the focus keeps what presses it, and a table what moves it.
    const isElsewhere = target !== document.body && !plots.contains(target);
    if (event.key === ' ' && isElsewhere) return;
    if (event.key.startsWith('Arrow') && isElsewhere && target.closest('.scroll') !== null) return;
    if (!moveBy(event, moves)) return;
    event.preventDefault();
  });
}

function moveBy({ key, shiftKey }: KeyboardEvent, moves: Moves): boolean {
  const step = shiftKey ? 1 : STEP;
  switch (key) {
    case 'ArrowLeft':
      moves.pan(-step);
      return true;
    case 'ArrowRight':
      moves.pan(step);
      return true;
    case '+':
    case '=':
      moves.zoom(1 / ZOOM, 0.5);
      return true;
    case '-':
    case '_':
      moves.zoom(ZOOM, 0.5);
      return true;
    case '0':
      moves.showAll();
      return true;
    case ' ':
      moves.toggleLive();
      return true;
    case 'Backspace':
      moves.back();
      return true;
    case '?':
      moves.help();
      return true;
    default:
      return false;
  }
}

export function listenToPointers(
  plots: HTMLElement,
  shareAt: (clientX: number) => number,
  moves: Moves,
): void {
  plots.addEventListener(
    'wheel',
    (event) => {
      const isSideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 24 : 1;
      event.preventDefault();
      if (isSideways) moves.pan(((event.deltaX || event.deltaY) * lines) / plots.clientWidth);
      else
        moves.zoom(
          Math.exp(Math.max(-200, Math.min(200, event.deltaY * lines)) / 400),
          shareAt(event.clientX),
        );
    },
    { passive: false },
  );
  plots.addEventListener('dblclick', (event) => {
    if (event.target instanceof Element && event.target.closest('button') === null) moves.back();
  });
  new Fingers(plots, shareAt, moves).listen();
}

/** One finger moves, two zoom; so does a mouse with shift. Others mark a stretch, which is uPlot's. */
class Fingers {
  readonly #plots: HTMLElement;
  readonly #shareAt: (clientX: number) => number;
  readonly #moves: Moves;
  readonly #down = new Map<number, number>();

  constructor(plots: HTMLElement, shareAt: (clientX: number) => number, moves: Moves) {
    this.#plots = plots;
    this.#shareAt = shareAt;
    this.#moves = moves;
  }

  listen(): void {
    const plots = this.#plots;
    // Before uPlot, which would begin to mark.
    plots.addEventListener('mousedown', (event) => this.#keepFromPlot(event), { capture: true });
    plots.addEventListener('pointerdown', (event) => this.#begin(event), { capture: true });
    plots.addEventListener('pointermove', (event) => this.#move(event));
    for (const end of ['pointerup', 'pointercancel'] as const) {
      window.addEventListener(end, ({ pointerId }) => this.#down.delete(pointerId));
    }
  }

  #keepFromPlot(event: MouseEvent): void {
    if (event.shiftKey || this.#down.size > 0) event.stopPropagation();
  }

  #begin(event: PointerEvent): void {
    if (event.target instanceof Element && event.target.closest('button') !== null) return;
    if (event.pointerType === 'mouse' && !event.shiftKey) return;
    this.#down.set(event.pointerId, event.clientX);
  }

  #move({ pointerId, clientX }: PointerEvent): void {
    const before = this.#down.get(pointerId);
    if (before === undefined || before === clientX) return;
    const other = [...this.#down].find(([id]) => id !== pointerId)?.[1];
    this.#down.set(pointerId, clientX);
    if (other === undefined) {
      this.#moves.pan(this.#shareAt(before) - this.#shareAt(clientX));
      return;
    }
    const [wide, narrow] = [Math.abs(before - other), Math.abs(clientX - other)];
    if (wide < 12 || narrow < 12) return;
    this.#moves.zoom(wide / narrow, this.#shareAt((clientX + other) / 2));
  }
}
