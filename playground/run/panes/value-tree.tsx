/** A value of C as a tree that opens. */
import type { ComponentChildren, JSX } from 'preact';
import type { TypedValue } from '../../../session/debugger/typed-value.ts';
import { openPaths, togglePath } from '../state.ts';

export function ValueTree({ value, tools }: { value: TypedValue; tools?: ComponentChildren }): JSX.Element {
  return (
    <ul class="value-tree mono">
      <Value of={value} tools={tools} />
    </ul>
  );
}

function Value({ of, tools }: { of: TypedValue; tools?: ComponentChildren }): JSX.Element {
  const isOpen = openPaths.value.has(of.path);
  const name = <span class="value-name">{of.name}</span>;
  return (
    <li>
      <div class="value-row" title={of.address && `${of.type} at ${of.address}`}>
        {of.opens ? (
          <button
            type="button"
            class="quiet value-open"
            aria-expanded={isOpen}
            onClick={() => togglePath(of.path)}
          >
            <span aria-hidden="true" class="value-mark">
              {isOpen ? '▾' : '▸'}
            </span>
            {name}
          </button>
        ) : (
          <span class="value-leaf">{name}</span>
        )}
        <span class="value-text">{of.value}</span>
        {/* a pointer's value says what it points at */}
        {!of.value.includes(of.type.replace(/ \*$/, '')) && <span class="value-type">{of.type}</span>}
        {tools}
      </div>
      {isOpen && of.children && (
        <ul>
          {of.children.map((child) => (
            <Value key={child.path} of={child} />
          ))}
        </ul>
      )}
    </li>
  );
}
