/** Looks of the HTML report. Colours are pairs of a light and a dark one; status is told in words as well. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f5f6f8; --card: #ffffff; --ink: #17202b; --soft: #5a6675; --line: #dfe3e8; --code: #eef1f5;
  --passed: #17714a; --failed: #b3261e; --allowed: #8a5a00; --accent: #1f5fbf;
  --passed-tint: #e3f3eb; --failed-tint: #fbe9e7; --allowed-tint: #fbf0d9;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #11161c; --card: #1a2129; --ink: #e6ebf1; --soft: #9aa7b6; --line: #2c3641; --code: #11171e;
    --passed: #66d19e; --failed: #ff8b80; --allowed: #f0bd5c; --accent: #84b4ff;
    --passed-tint: #17352a; --failed-tint: #41211f; --allowed-tint: #3a2e17;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
main { max-width: 1280px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { margin: 0; font-size: 26px; line-height: 1.2; letter-spacing: -0.01em; }
h2 { margin: 40px 0 12px; font-size: 18px; }
h3 { margin: 0; font: 600 14px/1.4 var(--mono); overflow-wrap: anywhere; }
p { margin: 0; }
header { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 14px; }
.meta { margin-top: 8px; color: var(--soft); overflow-wrap: anywhere; }
.soft { color: var(--soft); }
.mono { font-family: var(--mono); font-size: 13px; }
.badge {
  display: inline-block; padding: 1px 9px; border-radius: 999px; font-size: 12.5px; font-weight: 600; line-height: 1.6;
  white-space: nowrap;
}
.passed .badge, .badge.passed { color: var(--passed); background: var(--passed-tint); }
.failed .badge, .crashed .badge, .badge.failed, .badge.crashed { color: var(--failed); background: var(--failed-tint); }
.allowed .badge, .badge.allowed { color: var(--allowed); background: var(--allowed-tint); }
header .badge { font-size: 15px; padding: 2px 13px; }
.tiles { display: grid; grid-template-columns: repeat(6, 1fr); gap: 12px; margin: 24px 0 0; padding: 0; list-style: none; }
.tile { padding: 14px 16px; background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
.tile b { display: block; font-size: 28px; line-height: 1.15; font-variant-numeric: tabular-nums; }
.tile.some.passed b { color: var(--passed); }
.tile.some.failed b, .tile.some.crashed b { color: var(--failed); }
.tile.some.allowed b { color: var(--allowed); }
.bar { display: flex; width: 100%; height: 8px; margin-top: 14px; border-radius: 4px; }
.bar .passed { fill: var(--passed); } .bar .failed, .bar .crashed { fill: var(--failed); }
.bar .allowed { fill: var(--allowed); } .bar .none { fill: var(--line); }
.card { margin-top: 14px; background: var(--card); border: 1px solid var(--line); border-radius: 12px; overflow: hidden; }
.card > h3 { padding: 10px 18px; border-bottom: 1px solid var(--line); background: var(--code); }
.check { padding: 14px 18px 18px; }
.check + .check { border-top: 1px solid var(--line); }
.title { display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 10px; min-width: 0; }
.title span:last-child { min-width: 0; overflow-wrap: anywhere; }
.finding { margin-top: 10px; padding-left: 14px; border-left: 3px solid var(--failed); }
.finding.allowed { border-left-color: var(--allowed); }
.finding > p { overflow-wrap: anywhere; max-height: 12em; overflow-y: auto; }
.rule { font-weight: 600; }
.help { color: var(--soft); font-size: 13.5px; }
pre {
  margin: 8px 0 0; padding: 10px 12px; border-radius: 8px; background: var(--code); font: 13px/1.5 var(--mono);
  white-space: pre-wrap; overflow-wrap: anywhere; tab-size: 4;
  max-height: 32em; overflow-y: auto;
}
pre .at { color: var(--accent); display: block; }
details { margin-top: 8px; }
details pre { white-space: pre; overflow-wrap: normal; overflow-x: auto; }
pre + .help, details + .help { margin-top: 8px; }
summary { cursor: pointer; color: var(--accent); width: fit-content; }
.tools { display: flex; flex-wrap: wrap; gap: 10px; align-items: center; margin-bottom: 12px; }
.tools[hidden] { display: none; }
input, select {
  font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: 7px 11px; min-width: 0;
}
input { flex: 1 1 260px; max-width: 440px; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
table { width: 100%; border-collapse: separate; border-spacing: 0; background: var(--card); border: 1px solid var(--line);
  border-radius: 12px; font-variant-numeric: tabular-nums; }
th { text-align: left; font-size: 12.5px; font-weight: 600; color: var(--soft); white-space: nowrap; }
th, td { padding: 9px 12px; vertical-align: top; border-bottom: 1px solid var(--line); }
tbody tr:last-child td { border-bottom: 0; }
td.what { overflow-wrap: anywhere; min-width: 220px; }
td.what b { font-weight: 600; }
td.what span { display: block; color: var(--soft); font: 12.5px/1.45 var(--mono); }
th.number, td.number { text-align: right; white-space: nowrap; }
td.number small { display: block; color: var(--soft); font-size: 12px; }
.more { color: var(--failed); } .less { color: var(--passed); }
tr[hidden] { display: none; }
.empty { padding: 20px; text-align: center; color: var(--soft); }
footer { margin-top: 32px; color: var(--soft); font-size: 13px; }
@media (max-width: 860px) {
  main { padding: 20px 14px 48px; }
  .tiles { grid-template-columns: repeat(3, 1fr); gap: 8px; }
  .tile { padding: 10px 12px; } .tile b { font-size: 22px; } .tile { font-size: 13.5px; }
  .check, .card > h3 { padding-left: 14px; padding-right: 14px; }
  input, select { flex: 1 1 100%; max-width: none; }
  table, tbody { display: block; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tbody tr { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 6px 12px; padding: 12px 14px;
    border-bottom: 1px solid var(--line); }
  tbody tr:last-child { border-bottom: 0; }
  td { padding: 0; border: 0; overflow-wrap: anywhere; }
  td.status { order: 1; grid-column: 1 / 2; } td.kernel { order: 2; grid-column: 2 / 4; text-align: right; }
  td.what { order: 3; grid-column: 1 / -1; min-width: 0; } td.number { order: 4; text-align: left; white-space: normal; }
  td.number::before { content: attr(data-label); display: block; color: var(--soft); font-size: 12px; }
}
@media print { .tools { display: none; } main { max-width: none; padding: 0; } .card { break-inside: avoid; }
  pre, details pre, .finding > p { max-height: none; white-space: pre-wrap; } }
`;

/** Hides the checks that the reader does not look for. Without it the page shows all of them. */
export const SCRIPT = `
const rows = [...document.querySelectorAll('tbody tr')];
const texts = rows.map((row) => row.textContent.toLowerCase());
const search = document.querySelector('#search');
const status = document.querySelector('#status');
const shown = document.querySelector('#shown');
const empty = document.querySelector('#empty');
function filter() {
  const words = search.value.toLowerCase().split(/\\s+/).filter((word) => word !== '');
  let count = 0;
  rows.forEach((row, i) => {
    const fits = status.value === '' || row.className === status.value;
    row.hidden = !(fits && words.every((word) => texts[i].includes(word)));
    if (!row.hidden) count++;
  });
  shown.textContent = count === rows.length ? '' : count + ' of ' + rows.length + ' shown';
  empty.hidden = count > 0;
}
search.addEventListener('input', filter);
status.addEventListener('change', filter);
document.querySelector('.tools').hidden = false;
filter();
`;
