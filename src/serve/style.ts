/** The page's style. Colours are near to those of `plot/themes.ts`. */

/** Where the page has been switched to dark, and where nobody has said otherwise. */
const DARK = `
  --background: #11151a; --raised: #191f26; --ink: #e8ebef; --muted: #a3adb8; --grid: #2d3641;
  --accent: #5bb8f0; --accent-ink: #0b1118; --good: #2fc99a; --bad: #ff8a80; --warn: #f0c04a;
  --segment: #2c5573; --segment-open: #5bb8f0;
`;

export const STYLE = `
:root {
  --background: #ffffff; --raised: #f6f8fa; --ink: #1f2328; --muted: #57606a; --grid: #d9dee4;
  --accent: #0072b2; --accent-ink: #ffffff; --good: #00734f; --bad: #b3261e; --warn: #8a5a00;
  --segment: #9cc7e2; --segment-open: #0072b2;
}
:root[data-theme='dark'] {${DARK}}
@media (prefers-color-scheme: dark) { :root:not([data-theme='light']) {${DARK}} }
:root[data-theme='light'] { color-scheme: light; }
:root[data-theme='dark'] { color-scheme: dark; }
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--background); color: var(--ink);
  font: 14px/1.45 system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif;
  font-variant-numeric: tabular-nums;
}
header { display: flex; align-items: center; gap: 12px; padding: 10px 16px; border-bottom: 1px solid var(--grid); }
h1 { font-size: 17px; margin: 0; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
h2 { font-size: 13px; margin: 0 0 6px; font-weight: 600; }
small { color: var(--muted); font-weight: 400; font-size: 12px; }
nav { margin-left: auto; display: flex; gap: 6px; }
.badge { margin: 0; padding: 1px 9px; border-radius: 99px; font-size: 12px; border: 1px solid currentColor; color: var(--muted); white-space: nowrap; }
.badge[data-state='appending'] { color: var(--good); }
.badge[data-state='appending']::before { content: '●'; margin-right: 5px; font-size: 9px; vertical-align: 1px; }
.badge[data-state='died'] { color: var(--bad); }
#banner { margin: 0; padding: 8px 16px; background: var(--bad); color: var(--background); font-weight: 600; }
main { padding: 12px 16px 32px; display: grid; gap: 16px; max-width: 1800px; margin: 0 auto; grid-template-columns: minmax(0, 1fr); }
.tiles dl { display: grid; grid-template-columns: 2fr 1fr 1fr 1fr; gap: 8px; margin: 0; }
.tiles dl > div { background: var(--raised); border-radius: 8px; padding: 8px 12px; position: relative; min-height: 56px; overflow: hidden; }
dt { color: var(--muted); font-size: 12px; }
dd { margin: 0; font-size: 20px; line-height: 1.25; white-space: nowrap; }
#spark { position: absolute; right: 0; bottom: 0; width: 55%; height: 44px; }
button, select, summary, input[type='search'] {
  font: inherit; color: inherit; background: var(--raised); border: 1px solid var(--grid);
  border-radius: 6px; padding: 3px 10px; min-height: 32px; cursor: pointer;
}
button:hover:not(:disabled), select:hover, summary:hover { border-color: var(--muted); }
button:disabled { opacity: 0.45; cursor: default; }
button[aria-pressed='true'] { background: var(--accent); color: var(--accent-ink); border-color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
#controls { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; margin-bottom: 8px; }
#controls label { color: var(--muted); display: inline-flex; align-items: center; gap: 6px; }
#controls select { max-width: 180px; color: var(--ink); }
.space { flex: 1; }
.group { display: inline-flex; gap: 4px; }
.menu { position: relative; }
.menu summary { list-style: none; display: inline-flex; align-items: center; gap: 6px; }
.menu summary::-webkit-details-marker { display: none; }
.menu summary::after { content: '▾'; color: var(--muted); }
.menu > div {
  position: absolute; z-index: 10; top: 38px; left: 0; width: min(340px, calc(100vw - 32px)); max-height: 60vh; overflow: auto;
  background: var(--background); border: 1px solid var(--grid); border-radius: 8px; padding: 10px; box-shadow: 0 8px 28px rgb(0 0 0 / 0.25);
}
.menu input[type='search'] { width: 100%; }
fieldset { border: 0; margin: 8px 0 0; padding: 0; }
fieldset legend { color: var(--muted); font-size: 12px; padding: 0; }
fieldset label { display: flex !important; padding: 3px 0; gap: 8px; color: var(--ink) !important; }
fieldset label small { margin-left: auto; }
#plots { border-radius: 8px; position: relative; min-height: 260px; touch-action: pan-y; }
.panel { position: relative; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 12px; margin: 6px 0 0; padding: 0 0 0 8px; min-height: 26px; align-items: center; font-size: 13px; }
.legend button { background: none; border: 0; padding: 0 4px; min-height: 24px; display: inline-flex; gap: 6px; align-items: center; }
.legend button[aria-pressed='false'] { opacity: 0.4; text-decoration: line-through; background: none; color: inherit; }
.legend button[aria-pressed='true'] { background: none; color: inherit; }
.legend i { width: 14px; height: 3px; border-radius: 2px; display: inline-block; }
.legend b { font-weight: 600; }
.legend span { color: var(--muted); min-width: 9ch; }
.u-select { background: color-mix(in srgb, var(--accent) 18%, transparent); }
.u-hz .u-cursor-x { border-right-color: var(--muted); }
.uplot, .uplot * { font-family: inherit; }
#caption { margin: 4px 0 0; color: var(--muted); font-size: 12px; display: flex; flex-wrap: wrap; gap: 0 12px; min-height: 18px; }
#note { color: var(--warn); }
.empty { color: var(--muted); padding: 60px 16px; text-align: center; background: var(--raised); border-radius: 8px; }
#segments { display: flex; gap: 1px; height: 22px; position: relative; background: var(--raised); border-radius: 4px; overflow: hidden; }
#segments i { display: block; min-width: 1px; background: var(--segment); position: relative; }
#segments i.open { background: linear-gradient(to right, var(--segment-open) var(--used), var(--raised) var(--used)); }
#segments mark { position: absolute; top: 0; bottom: 0; background: color-mix(in srgb, var(--ink) 14%, transparent); border: 2px solid var(--ink); border-radius: 3px; min-width: 5px; pointer-events: none; }
.columns { display: grid; grid-template-columns: minmax(0, 3fr) minmax(260px, 1fr); gap: 16px; }
.scroll { overflow-x: auto; border: 1px solid var(--grid); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-size: 12.5px; }
th, td { text-align: left; padding: 3px 10px; white-space: nowrap; max-width: 280px; overflow: hidden; text-overflow: ellipsis; }
th { color: var(--muted); font-weight: 500; border-bottom: 1px solid var(--grid); background: var(--raised); }
.number { text-align: right; }
tbody tr:nth-child(even) { background: color-mix(in srgb, var(--raised) 55%, transparent); }
#rows tbody { font-family: ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace; font-size: 12px; }
dialog { background: var(--background); color: var(--ink); border: 1px solid var(--grid); border-radius: 10px; max-width: 480px; }
dialog::backdrop { background: rgb(0 0 0 / 0.45); }
dialog td { white-space: normal; vertical-align: top; }
kbd { border: 1px solid var(--grid); border-bottom-width: 2px; border-radius: 4px; padding: 0 5px; background: var(--raised); font: inherit; font-size: 12px; }
.skip { position: absolute; left: -9999px; }
.skip:focus { left: 8px; top: 8px; z-index: 20; background: var(--background); padding: 4px 8px; }
@media (max-width: 720px) {
  main { padding: 10px 10px 24px; }
  header { padding: 8px 10px; gap: 8px; }
  #schema { display: none; }
  .tiles dl { grid-template-columns: 1fr 1fr; }
  .columns { grid-template-columns: minmax(0, 1fr); }
  .space { display: none; }
  #controls select { max-width: 128px; }
  button, select, summary { min-height: 36px; }
}
@media (prefers-reduced-motion: reduce) { * { transition: none !important; } }
`;
