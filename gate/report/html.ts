/** The report as one HTML file that needs nothing but itself, and asks for nothing. */
import { createHash } from 'node:crypto';
import type { Check, CheckStats, Finding, GateReport, SourcePlace } from '../check.ts';
import { SCRIPT, STYLE } from './html-style.ts';
import { RULES } from './rules.ts';
import {
  byFile,
  checkLabel,
  grouped,
  isFailing,
  isFailure,
  plural,
  STATUSES,
  type Summary,
  summarize,
} from './summary.ts';
import { allowanceText, escapeHtml, oneLine, placeText, safeLines } from './text.ts';

/** Lines of details that are open at once. */
const OPEN_DETAILS = 40;

export function html(report: GateReport): string {
  const summary = summarize(report);
  const failed = report.checks.filter(isFailure);
  const allowed = report.checks.filter(({ status }) => status === 'allowed');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy()}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Drydock gate: ${outcome(summary)}</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<main>
${head(report, summary)}
${findingsSection('Failures', failed)}
${findingsSection('Allowed for now', allowed)}
${checksSection(report)}
<footer>Drydock ${line(report.version)}</footer>
</main>
<script>${SCRIPT}</script>
</body>
</html>
`;
}

/** Only what stands in the file itself, by its hash: text that got in as markup could still do nothing. */
function policy(): string {
  const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  return [
    "default-src 'none'",
    `style-src ${hash(STYLE)}`,
    `script-src ${hash(SCRIPT)}`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

function outcome({ failed, crashed }: Summary): 'failed' | 'passed' {
  return failed + crashed > 0 ? 'failed' : 'passed';
}

function line(text: string): string {
  return escapeHtml(oneLine(text));
}

function head({ config, today, shard }: GateReport, summary: Summary): string {
  const result = outcome(summary);
  const meta = [
    `<span class="mono">${line(config)}</span>`,
    line(today),
    ...(shard ? [`shard ${shard.index} of ${shard.count}`] : []),
    ...(summary.kernels.length > 0 ? [`kernels ${summary.kernels.map(line).join(', ')}`] : []),
  ];
  const tiles = [
    tile('checks', '', summary.checks),
    ...STATUSES.map((status) => tile(status, status, summary[status])),
    tile('cached', '', summary.cached),
  ];
  return `<header><h1>Drydock gate</h1><span class="badge ${result}">${result}</span></header>
<p class="meta">${meta.join(' · ')}</p>
<ul class="tiles">${tiles.join('')}</ul>
${bar(summary)}`;
}

function tile(name: string, status: string, count: number): string {
  const classes = ['tile', status, count > 0 ? 'some' : ''].filter((part) => part !== '').join(' ');
  return `<li class="${classes}"><b>${grouped(count)}</b>${name}</li>`;
}

/** Shares of the statuses. Drawn, as the page's policy leaves no room for widths in style attributes. */
function bar(summary: Summary): string {
  const total = Math.max(1, summary.checks);
  let x = 0;
  const parts = [...STATUSES].reverse().map((status) => {
    const width = summary[status];
    const part = width > 0 ? `<rect class="${status}" x="${x}" width="${width}" height="1"/>` : '';
    x += width;
    return part;
  });
  const none = summary.checks === 0 ? '<rect class="none" width="1" height="1"/>' : '';
  return `<svg class="bar" viewBox="0 0 ${total} 1" preserveAspectRatio="none" aria-hidden="true">${parts.join('')}${none}</svg>`;
}

function findingsSection(title: string, checks: readonly Check[]): string {
  if (checks.length === 0) return '';
  const cards = [...byFile(checks)].map(
    ([file, checks]) =>
      `<article class="card"><h3>${line(file) || '(no file)'}</h3>${checks.map(checkBlock).join('')}</article>`,
  );
  return `<section><h2>${title}</h2>\n${cards.join('\n')}\n</section>`;
}

function checkBlock(check: Check): string {
  const label = line(checkLabel(check)) || check.kind;
  return `<div class="check ${check.status}">
<p class="title"><span class="badge">${check.status}</span><span>${label}</span></p>
${check.findings.map(findingBlock).join('\n')}
</div>`;
}

function findingBlock(finding: Finding): string {
  const { rule, message, details, source, allowed } = finding;
  const fails = isFailing(finding);
  const help = fails ? `<p class="help">${line(RULES[rule].help)}</p>` : '';
  const why = allowed ? `<p class="help">Allowed: ${line(allowanceText(allowed))}</p>` : '';
  return `<div class="finding${fails ? '' : ' allowed'}">
<p><span class="rule">${rule}</span>: ${line(message)}</p>${why}${sourceBlock(source)}${detailsBlock(details)}${help}
</div>`;
}

function sourceBlock(source: SourcePlace | null): string {
  if (!source) return '';
  return `<pre><span class="at">${escapeHtml(placeText(source))}</span>${line(source.text)}</pre>`;
}

function detailsBlock(details: readonly string[]): string {
  if (details.length === 0) return '';
  const lines = safeLines(details);
  const open = lines.length <= OPEN_DETAILS ? ' open' : '';
  return `<details${open}><summary>${plural(lines.length, 'line')} of explanation</summary><pre tabindex="0">${escapeHtml(lines.join('\n'))}</pre></details>`;
}

function checksSection({ checks }: GateReport): string {
  const options = STATUSES.map((status) => `<option value="${status}">${status}</option>`).join('');
  return `<section><h2>All checks</h2>
<div class="tools" hidden>
<input id="search" type="search" placeholder="Search: file, program, kernel, rule" aria-label="Search the checks">
<select id="status" aria-label="Status"><option value="">any status</option>${options}</select>
<span id="shown" class="soft" role="status"></span>
</div>
<table>
<thead><tr><th>Status</th><th>Check</th><th>Kernel</th><th class="number">Insns</th><th class="number">States</th><th class="number">Stack</th></tr></thead>
<tbody>
${checks.map(row).join('\n')}
</tbody>
</table>
<p id="empty" class="empty"${checks.length === 0 ? '' : ' hidden'}>No such check.</p>
</section>`;
}

function row(check: Check): string {
  const { kind, status, name, section, file, kernel, mode, variant, findings, result, before, cached } =
    check;
  const notes = [
    ...(kind === 'verify' ? [] : [kind]),
    ...(result && result.verdict !== 'accepted' ? [result.verdict] : []),
    ...findings.map(({ rule }) => rule),
    ...(before && result && before.verdict !== result.verdict ? [`was ${before.verdict}`] : []),
    ...(cached ? ['cached'] : []),
  ];
  const lines = [file, section, variant === '' ? '' : `variant ${variant}`].filter(
    (part) => part !== '' && part !== name,
  );
  const numbers = (['insns', 'states', 'stack'] as const).map((key) => numberCell(check, key));
  return `<tr class="${status}"><td class="status"><span class="badge">${status}</span></td>
<td class="what"><b>${line(name) || '(all of it)'}</b> <small class="soft">${[...new Set(notes)].map(line).join(', ')}</small>${lines.map((text) => `<span>${line(text)}</span>`).join('')}</td>
<td class="kernel">${line(kernel)}${mode === 'unpriv' ? ' <small class="soft">unpriv</small>' : ''}</td>
${numbers.join('')}</tr>`;
}

const LABELS = { insns: 'Insns', states: 'States', stack: 'Stack' } as const;

/** A number, and below it what it was and by how much it has changed. */
function numberCell({ result, before }: Check, key: keyof typeof LABELS & keyof CheckStats): string {
  const now = result?.stats?.[key];
  const old = before?.[key];
  const shown = now === undefined ? '<span class="soft">–</span>' : grouped(now);
  return `<td class="number" data-label="${LABELS[key]}">${shown}${old === undefined ? '' : `<small>${changeText(now, old)}</small>`}</td>`;
}

function changeText(now: number | undefined, old: number): string {
  const was = `was ${grouped(old)}`;
  if (now === undefined) return was;
  if (now === old) return 'unchanged';
  const by = `${now > old ? '+' : '−'}${grouped(Math.abs(now - old))}`;
  const share =
    old === 0 ? '' : ` (${now > old ? '+' : '−'}${((Math.abs(now - old) / old) * 100).toFixed(1)} %)`;
  return `${was} <span class="${now > old ? 'more' : 'less'}">${by}${share}</span>`;
}
