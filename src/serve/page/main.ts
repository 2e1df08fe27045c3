/** The page: puts its parts together. */
import { Board } from './board.js';
import { choiceOf, fragmentOf, type Choice } from './choice.js';
import { Controls, canDraw, defaultChoice } from './controls.js';
import { byId, element, elementOf, fill, setText } from './elements.js';
import { Explorer } from './explorer.js';
import { listenToKeys, listenToPointers, type Moves } from './gestures.js';
import { count, lengthText, timeText } from './numbers.js';
import { Panels } from './panels.js';
import { LiveConnection, Refused, askLog, askRows, type LogInfo } from './server.js';

const ROWS = 12;
const ROWS_MS = 1000;
const RETRY_MS = 1500;
/** A page that nobody sees takes nothing from the server, after a while. */
const HIDDEN_MS = 20_000;
const SVG = 'http://www.w3.org/2000/svg';

type Theme = 'light' | 'dark';

const board = new Board();
const banner = byId('banner');
let problem = '';
let isConnected = true;

function showBanner(): void {
  const text = isConnected ? problem : 'The connection is lost. Trying again…';
  banner.hidden = text === '';
  setText(banner, text);
}

function onConnection(now: boolean): void {
  isConnected = now;
  byId('writer').style.opacity = now ? '' : '0.4';
  showBanner();
}

// --- Light and dark ---

const darkness = matchMedia('(prefers-color-scheme: dark)');
let themeListener: (theme: Theme) => void = () => {};

function storedTheme(): Theme | undefined {
  try {
    const stored = localStorage.getItem('stratalog-theme');
    return stored === 'light' || stored === 'dark' ? stored : undefined;
  } catch {
    return undefined;
  }
}

function themeNow(): Theme {
  return storedTheme() ?? (darkness.matches ? 'dark' : 'light');
}

function applyTheme(): void {
  const theme = themeNow();
  document.documentElement.dataset['theme'] = theme;
  byId('theme').setAttribute('aria-label', `Switch to ${theme === 'dark' ? 'light' : 'dark'}`);
  fill(byId('theme'), [themeIcon(theme)]);
  themeListener(theme);
  board.drawRates();
}

function themeIcon(theme: Theme): SVGElement {
  const icon = document.createElementNS(SVG, 'svg');
  const path = document.createElementNS(SVG, 'path');
  for (const [name, value] of Object.entries({
    viewBox: '0 0 24 24',
    width: '16',
    height: '16',
    'aria-hidden': 'true',
  })) {
    icon.setAttribute(name, value);
  }
  const sun =
    'M12 7a5 5 0 100 10 5 5 0 000-10zM11 1h2v3h-2zM11 20h2v3h-2zM1 11h3v2H1zM20 11h3v2h-3zM4.2 5.6l1.4-1.4 2.1 2.1-1.4 1.4zM16.3 17.7l1.4-1.4 2.1 2.1-1.4 1.4zM4.2 18.4l2.1-2.1 1.4 1.4-2.1 2.1zM16.3 6.3l2.1-2.1 1.4 1.4-2.1 2.1z';
  const moon = 'M20 14.5A8.5 8.5 0 019.5 4 8.5 8.5 0 1020 14.5z';
  path.setAttribute('d', theme === 'dark' ? sun : moon);
  path.setAttribute('fill', 'currentColor');
  icon.append(path);
  return icon;
}

byId('theme').addEventListener('click', () => {
  const other = themeNow() === 'dark' ? 'light' : 'dark';
  try {
    localStorage.setItem('stratalog-theme', other);
  } catch {
    // Then it lasts as long as the system says.
  }
  applyTheme();
});
darkness.addEventListener('change', applyTheme);

// --- The log ---

async function begin(): Promise<void> {
  applyTheme();
  let info: LogInfo;
  try {
    info = await askLog();
  } catch (error) {
    const isRefused = error instanceof Refused;
    if (isRefused) problem = error.message;
    onConnection(isRefused);
    setTimeout(() => void begin(), RETRY_MS);
    return;
  }
  onConnection(true);
  board.begin(info);
  problem = info.damage[0] ?? '';
  showBanner();
  void keepRows();
  if (info.fields.some(canDraw)) explore(info);
  else watchOnly(info);
}

/** A log without numbers: everything but plots. */
function watchOnly({ schema }: LogInfo): void {
  const why =
    schema === undefined
      ? 'This log has no schema: its records are bytes.'
      : 'The events of this log have no numbers to draw.';
  fill(byId('plots'), [element('p', { class: 'empty' }, why)]);
  byId('controls').hidden = true;
  followStatus();
}

function followStatus(): LiveConnection {
  return new LiveConnection(
    {},
    {
      onStatus: (status) => board.take(status, status.segments),
      onConnection,
      onHello: () => {},
      onFrame: () => {},
      onReset: () => {},
    },
  );
}

function explore(info: LogInfo): void {
  let isPointing = false;
  const plots = byId('plots');
  const panels = new Panels(plots, {
    onSelect: (from, to) => explorer.showRange({ from, to }),
    onPoint: (x) => {
      isPointing = x !== undefined;
      showPlace(explorer, x);
    },
  });
  const explorer = new Explorer(info.fields, firstChoice(info), panels, {
    onStatus: (status) => {
      board.take(status, status.segments);
      board.mark(explorer.offsets);
      if (explorer.isLive && !isPointing) showPlace(explorer, undefined);
      if (status.problem !== undefined) problem = status.problem;
      showBanner();
    },
    onConnection,
    onProblem: (text) => {
      problem = text;
      showBanner();
    },
    onChange: () => showState(explorer, controls),
  });
  const controls = new Controls(info.fields, explorer.choice, (choice) => {
    history.replaceState(null, '', fragmentOf(choice));
    explorer.choose(choice);
    showState(explorer, controls);
  });
  wire(explorer, controls, panels);
  themeListener = (theme) => (explorer.theme = theme);
  applyTheme();
  explorer.connect();
  showState(explorer, controls);
  // For whoever measures how smoothly it runs.
  setInterval(() => (plots.dataset['drawn'] = String(explorer.drawn)), 250);
}

/** What the link says, as far as the log has it. */
function firstChoice(info: LogInfo): Choice {
  const { fields, status } = info;
  const usual = defaultChoice(fields);
  const linked = choiceOf(location.hash);
  const known = new Set(fields.map(({ path }) => path));
  const drawable = new Set(fields.filter(canDraw).map(({ path }) => path));
  const ys = linked.ys?.filter((y) => drawable.has(y)).slice(0, 8) ?? [];
  const isXKnown = linked.x !== undefined && (known.has(linked.x) || linked.x.startsWith('$'));
  const x = isXKnown ? linked.x : usual.x;
  const whole = { kind: 'stretch' } as const;
  const view = linked.view ?? (status.writer === 'appending' ? usual.view : whole);
  return {
    x,
    ys: ys.length > 0 ? ys : usual.ys,
    by: linked.by !== undefined && known.has(linked.by) ? linked.by : undefined,
    isRate: linked.isRate === true,
    view: isXKnown || linked.view === undefined || x === linked.x ? view : usual.view,
  };
}

function wire(explorer: Explorer, controls: Controls, panels: Panels): void {
  const plots = byId('plots');
  const help = (): void => elementOf('keys', HTMLDialogElement).showModal();
  const moves: Moves = {
    pan: (share) => explorer.pan(share),
    zoom: (factor, around) => explorer.zoom(factor, around),
    toggleLive: () => explorer.toggleLive(controls.span),
    showAll: () => explorer.show({ kind: 'stretch' }),
    back: () => explorer.goBack(),
    help,
  };
  listenToKeys(plots, moves);
  listenToPointers(plots, (clientX) => panels.shareAt(clientX), moves);
  const onClick = (id: string, action: () => void): void =>
    byId(id).addEventListener('click', action);
  onClick('live', moves.toggleLive);
  onClick('all', moves.showAll);
  onClick('back', moves.back);
  onClick('in', () => moves.zoom(1 / 1.6, 0.5));
  onClick('out', () => moves.zoom(1.6, 0.5));
  onClick('help', help);
  byId('span').addEventListener('change', () =>
    explorer.show({ kind: 'live', span: controls.span }),
  );
  new ResizeObserver(() => {
    panels.resize();
    board.drawRates();
  }).observe(plots);
  window.addEventListener('hashchange', () => {
    const { view } = choiceOf(location.hash);
    if (view !== undefined && location.hash !== fragmentOf(explorer.choice)) explorer.show(view);
  });
  sleepWhenHidden(explorer);
}

function sleepWhenHidden(explorer: Explorer): void {
  let timer: number | undefined;
  let isAsleep = false;
  document.addEventListener('visibilitychange', () => {
    clearTimeout(timer);
    if (document.hidden) {
      timer = setTimeout(() => {
        isAsleep = true;
        explorer.disconnect();
      }, HIDDEN_MS);
    } else if (isAsleep) {
      isAsleep = false;
      explorer.connect();
    }
  });
}

// --- What is said about the view ---

function showState(explorer: Explorer, controls: Controls): void {
  const { choice, isLive, picture } = explorer;
  controls.show(choice);
  const live = byId('live');
  live.setAttribute('aria-pressed', String(isLive));
  setText(live, 'Live');
  elementOf('back', HTMLButtonElement).disabled = !explorer.canGoBack;
  byId('all').setAttribute(
    'aria-pressed',
    String(choice.view.kind === 'stretch' && choice.view.from === undefined),
  );
  showPlace(explorer, undefined);
  board.mark(explorer.offsets);
  const notes: string[] = [];
  if (picture !== undefined && !picture.isComplete) {
    notes.push(`A first look: ${Math.floor(100 * picture.progress)} % of the events read so far.`);
  }
  if (picture?.hasOtherLines === true)
    notes.push('More values than lines: the most frequent are shown.');
  if (picture !== undefined && picture.malformed > 0) {
    notes.push(`${count(picture.malformed)} records are no events of the schema.`);
  }
  if (picture?.problem !== undefined) notes.push(picture.problem);
  setText(byId('note'), notes.join(' '));
}

/** The place of the pointer, or what is shown. */
function showPlace(explorer: Explorer, x: number | undefined): void {
  const { range, origin, unitNs, choice } = explorer;
  if (range === undefined) return;
  const length = range.to - range.from;
  const step = (length / 1000) * (unitNs ?? 1);
  const at = (place: number): string => {
    if (unitNs === undefined)
      return `${choice.x.replace('$', '')} ${count(Number(origin) + place)}`;
    const ns = origin * BigInt(unitNs) + BigInt(Math.round(place * unitNs));
    return timeText(ns, step);
  };
  const text =
    x === undefined ? `${at(range.from)} to ${at(range.to)}, ${lengthText(length, unitNs)}` : at(x);
  setText(byId('span-text'), text);
}

async function keepRows(): Promise<void> {
  for (;;) {
    if (!document.hidden && isConnected) {
      try {
        board.showRows(await askRows(ROWS));
      } catch {
        // The stream tells of a lost connection.
      }
    }
    await new Promise((resolve) => setTimeout(resolve, ROWS_MS));
  }
}

void begin();
