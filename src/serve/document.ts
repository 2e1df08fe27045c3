/** The page's document. What moves is made by `page/main.ts`; here is what it consists of. */
export const DOCUMENT = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>stratalog</title>
<link rel="icon" href="/icon.svg">
<link rel="stylesheet" href="/uplot.css">
<link rel="stylesheet" href="/style.css">
<script type="module" src="/serve/page/main.js"></script>
</head>
<body>
<a class="skip" href="#plots" id="skip">Skip to the plots</a>
<header>
  <h1><span id="name">…</span> <small id="schema"></small></h1>
  <p id="writer" class="badge" role="status">connecting</p>
  <nav aria-label="Page">
    <button id="theme" type="button" title="Light or dark">Theme</button>
    <button id="help" type="button" title="Keys and gestures (?)" aria-keyshortcuts="?">?</button>
  </nav>
</header>
<p id="banner" role="alert" hidden></p>
<main>
<section class="tiles" aria-label="At this moment">
  <dl>
    <div class="wide"><dt>records a second</dt><dd id="rate">–</dd><canvas id="spark" width="240" height="36" aria-hidden="true"></canvas></div>
    <div><dt>written a second</dt><dd id="bytes">–</dd></div>
    <div><dt>not flushed yet</dt><dd id="lag">–</dd></div>
    <div><dt>records</dt><dd id="total">–</dd></div>
  </dl>
</section>
<section id="explorer" aria-label="Plots">
  <form id="controls">
    <details id="fields" class="menu"><summary>Fields <b id="chosen"></b></summary>
      <div><input id="filter" type="search" placeholder="Find a field" aria-label="Find a field" autocomplete="off"><fieldset id="choices"><legend>What to draw</legend></fieldset></div>
    </details>
    <label>by <select id="by" aria-label="A line for each value of"></select></label>
    <label>over <select id="x" aria-label="Along the x axis"></select></label>
    <label class="check"><input id="perSecond" type="checkbox"> per second</label>
    <span class="space"></span>
    <label>last <select id="span" aria-label="How much of the newest"></select></label>
    <span class="group">
      <button id="live" type="button" aria-pressed="true" aria-keyshortcuts="Space" title="Follow, or hold still (space)">Live</button>
      <button id="all" type="button" aria-keyshortcuts="0" title="The whole log (0)">All</button>
      <button id="back" type="button" aria-keyshortcuts="Backspace" title="Back to the view before (backspace)" disabled>Back</button>
      <button id="in" type="button" aria-keyshortcuts="+" title="Closer (+)" aria-label="Zoom in">+</button>
      <button id="out" type="button" aria-keyshortcuts="-" title="Further away (−)" aria-label="Zoom out">−</button>
    </span>
  </form>
  <div id="plots" tabindex="0" role="group" aria-label="Plots. Arrows move, plus and minus zoom, 0 shows all, space follows or holds still."></div>
  <p id="caption"><span id="span-text"></span> <span id="note" role="status"></span></p>
</section>
<section aria-labelledby="segments-title">
  <h2 id="segments-title">Segments <small id="segments-text"></small></h2>
  <div id="segments" role="img" aria-label="Segments of the log"></div>
</section>
<div class="columns">
<section aria-labelledby="rows-title">
  <h2 id="rows-title">Newest</h2>
  <div class="scroll" tabindex="0" role="region" aria-label="Newest records"><table id="rows"><thead></thead><tbody></tbody></table></div>
</section>
<section aria-labelledby="tailers-title" id="tailers-section">
  <h2 id="tailers-title">Tailers <small id="tailers-text"></small></h2>
  <div class="scroll"><table id="tailers"><thead><tr><th>name</th><th class="number">process</th><th>follows</th><th class="number">behind</th></tr></thead><tbody></tbody></table></div>
</section>
</div>
</main>
<dialog id="keys" aria-labelledby="keys-title">
  <h2 id="keys-title">Keys and gestures</h2>
  <table>
    <tr><td><kbd>space</kbd></td><td>follow what comes, or hold still</td></tr>
    <tr><td><kbd>←</kbd> <kbd>→</kbd></td><td>earlier, later; with <kbd>shift</kbd> a whole width</td></tr>
    <tr><td><kbd>+</kbd> <kbd>−</kbd></td><td>closer, further away</td></tr>
    <tr><td><kbd>0</kbd></td><td>the whole log</td></tr>
    <tr><td><kbd>backspace</kbd></td><td>the view before</td></tr>
    <tr><td>drag</td><td>zoom to what is marked; with <kbd>shift</kbd>, or one finger: move</td></tr>
    <tr><td>wheel, pinch</td><td>zoom; sideways: move</td></tr>
    <tr><td>double click</td><td>the view before</td></tr>
  </table>
  <p>Lines are drawn between the least and the largest value of each column of pixels, so a spike of one event is seen. Times are UTC.</p>
  <form method="dialog"><button>Close</button></form>
</dialog>
<noscript><p>This page draws with JavaScript.</p></noscript>
</body>
</html>
`;
