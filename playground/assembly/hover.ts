/** The instruction under the pointer or at the cursor, explained. */
import type { Extension } from '@codemirror/state';
import { activateHover, hoverTooltip, keymap } from '@codemirror/view';
import { explain } from './explain.ts';
import type { HelperDocs } from './helper-docs.ts';
import { sourceOf } from './source-cache.ts';

/** For those who have no pointer. */
const EXPLAIN_KEY = 'Mod-k Mod-i';

export function explanations(docs: () => HelperDocs): Extension {
  const tooltip = hoverTooltip((view, pos) => {
    const line = view.state.doc.lineAt(pos);
    const code = line.text.replace(/(;|\/\/).*/, '').trimEnd();
    if (pos > line.from + code.length) return null;
    const found = explain(sourceOf(view.state), line.number, docs());
    if (!found) return null;
    const { text, slots, opcode, bytes, helper } = found;
    const parts: [string, string][] = [
      ['text', text],
      ['place', `${slots}, ${opcode}`],
      ['bytes', bytes],
    ];
    if (helper !== undefined) parts.push(['helper', helper]);
    return {
      pos: line.from + code.search(/\S|$/),
      end: line.from + code.length,
      above: true,
      create: () => ({ dom: tooltipElement(parts) }),
    };
  });
  return [
    tooltip,
    keymap.of([
      {
        key: EXPLAIN_KEY,
        run: (view) => {
          const { from, text } = view.state.doc.lineAt(view.state.selection.main.head);
          activateHover(view, from + text.search(/\S|$/), 1, {
            tooltip,
            until: (transaction) => transaction.docChanged || transaction.selection !== undefined,
          });
          return true;
        },
      },
    ]),
  ];
}

function tooltipElement(parts: readonly [name: string, text: string][]): HTMLElement {
  const dom = document.createElement('div');
  dom.className = 'assembly-tooltip';
  dom.setAttribute('role', 'tooltip');
  dom.setAttribute('aria-live', 'polite');
  dom.setAttribute('aria-label', 'The instruction');
  for (const [name, text] of parts) {
    const line = document.createElement('div');
    line.className = `assembly-tooltip-${name}`;
    line.textContent = text;
    dom.append(line);
  }
  return dom;
}
