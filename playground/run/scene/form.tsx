/** The scene as a form: made from the schema, so that nothing of the format is out of reach. */
import type { ComponentChildren, JSX } from 'preact';
import { useState } from 'preact/hooks';
import { editScene } from '../control.ts';
import { sceneText } from '../state.ts';
import { addItem, type Path, plain, removeValue, scalarOf, setValue } from './document.ts';
import {
  blank,
  type Field,
  fieldOf,
  optionName,
  optionOf,
  resolve,
  SCENE,
  type SchemaNode,
  summary,
} from './schema.ts';

/** Items of a list that the form shows; longer ones are edited as YAML. */
const MOST_ITEMS = 200;
/** Characters of a scene that can be parsed between two keys. */
const MOST_TEXT = 250_000;
/** Parts of a scene that the form always offers. */
const ALWAYS = ['tasks', 'maps', 'events', 'locks'];

interface Part {
  readonly name: string;
  readonly node: SchemaNode;
  readonly path: Path;
  readonly value: unknown;
}

type Of<Kind extends Field['kind']> = Part & { readonly field: Extract<Field, { kind: Kind }> };

export function SceneForm(): JSX.Element {
  if (sceneText.value.length > MOST_TEXT)
    return <p class="run-nothing">This scene is too long for a form: it is edited in the YAML tab.</p>;
  const scene = plain(sceneText.value);
  const members = SCENE.properties ?? {};
  if (!isObject(scene))
    return <p class="run-nothing">This is not YAML yet: mend it in the YAML tab first.</p>;
  const shown = Object.keys(members).filter((name) => ALWAYS.includes(name) || name in scene);
  return (
    <div class="scene-form">
      {shown.map((name) => (
        <FieldView
          key={name}
          name={name}
          node={members[name] as SchemaNode}
          path={[name]}
          value={scene[name] ?? (ALWAYS.includes(name) ? [] : undefined)}
        />
      ))}
    </div>
  );
}

function isObject(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function set(path: Path, value: unknown): void {
  editScene(setValue(sceneText.value, path, value));
}

function FieldView(part: Part): JSX.Element {
  const field = fieldOf(part.node);
  switch (field.kind) {
    case 'group':
      return <Group {...part} field={field} />;
    case 'list':
      return <List {...part} field={field} />;
    case 'either':
      return <Either {...part} field={field} />;
    case 'choices':
      return <Choices {...part} field={field} />;
    default:
      return (
        <label class="form-row" for={inputId(part.path)} title={resolve(part.node).description}>
          <span>{part.name}</span>
          <Input {...part} field={field} />
        </label>
      );
  }
}

function Input({ path, value, name, field }: Part & { readonly field: Field }): JSX.Element {
  switch (field.kind) {
    case 'flag':
      return (
        <input
          type="checkbox"
          id={inputId(path)}
          checked={value === true}
          onChange={({ currentTarget }) => set(path, currentTarget.checked)}
        />
      );
    case 'choice':
      return (
        <select
          id={inputId(path)}
          value={String(value)}
          onChange={({ currentTarget }) => set(path, currentTarget.value)}
        >
          {field.values.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </select>
      );
    case 'constant':
      return (
        <span id={inputId(path)} class="muted">
          {field.value === true ? 'yes' : String(field.value)}
        </span>
      );
    default:
      return (
        <input
          type="text"
          class="mono"
          id={inputId(path)}
          name={name}
          value={String(value ?? '')}
          onChange={({ currentTarget }) => {
            const isNumber = field.kind === 'text' && field.isNumber;
            set(path, isNumber ? scalarOf(currentTarget.value) : currentTarget.value);
          }}
        />
      );
  }
}

/** Draws what is in it only while it is open: scenes may be large. */
function Fold(props: {
  class?: string;
  summary: ComponentChildren;
  summaryClass?: string;
  title?: string | undefined;
  open?: boolean;
  children: () => ComponentChildren;
}): JSX.Element {
  const [isOpen, setOpen] = useState(props.open === true);
  return (
    <details class={props.class} open={isOpen} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary class={props.summaryClass} title={props.title}>
        {props.summary}
      </summary>
      {isOpen && props.children()}
    </details>
  );
}

function Group({ path, value, name, field }: Of<'group'>): JSX.Element {
  const values = isObject(value) ? value : {};
  return (
    <fieldset class="form-group">
      <legend>{name}</legend>
      <Members path={path} values={values} field={field} />
    </fieldset>
  );
}

/** Fields that are there, and a way to those that are not. */
function Members(props: {
  path: Path;
  values: { readonly [name: string]: unknown };
  field: Extract<Field, { kind: 'group' }>;
}): JSX.Element {
  const { path, values, field } = props;
  const names = Object.keys(field.members);
  const absent = names.filter((name) => !(name in values));
  return (
    <>
      {names
        .filter((name) => name in values)
        .map((name) => (
          <div key={name} class="form-member">
            <FieldView
              name={name}
              node={field.members[name] as SchemaNode}
              path={[...path, name]}
              value={values[name]}
            />
            {!field.required.includes(name) && <Remove path={[...path, name]} name={name} />}
          </div>
        ))}
      {absent.length > 0 && (
        <select
          class="form-add"
          value=""
          aria-label={`Add a field to ${placeName(path)}`}
          onChange={({ currentTarget }) => {
            const name = currentTarget.value;
            if (name !== '') set([...path, name], blank(field.members[name] as SchemaNode));
            currentTarget.value = '';
          }}
        >
          <option value="">+ field</option>
          {absent.map((name) => (
            <option key={name} value={name} title={resolve(field.members[name] as SchemaNode).description}>
              {name}
            </option>
          ))}
        </select>
      )}
    </>
  );
}

function List({ path, value, name, field, node }: Of<'list'>): JSX.Element {
  const items: readonly unknown[] = Array.isArray(value) ? value : [];
  return (
    <Fold
      class="form-list"
      open={path.length < 2 && name !== 'iterators'}
      title={resolve(node).description}
      summary={
        <>
          {name} <span class="badge">{items.length}</span>
        </>
      }
    >
      {() => (
        <>
          {items.slice(0, MOST_ITEMS).map((item, index) => (
            <Item key={index} list={name} node={field.item} path={[...path, index]} value={item} />
          ))}
          {items.length > MOST_ITEMS && <p class="muted">{items.length - MOST_ITEMS} more: see the YAML.</p>}
          <button
            type="button"
            class="form-add"
            aria-label={`Add ${singular(name)} to ${placeName(path)}`}
            onClick={() => editScene(addItem(sceneText.value, path, blank(field.item, items)))}
          >
            Add {singular(name)}
          </button>
        </>
      )}
    </Fold>
  );
}

function Item({ list, node, path, value }: Omit<Part, 'name'> & { readonly list: string }): JSX.Element {
  const field = fieldOf(node);
  const remove = <Remove path={path} name={`${singular(list)} ${summary(value)}`} />;
  if (field.kind === 'group' && isObject(value)) {
    return (
      <div class="form-item">
        <Fold summaryClass="mono" summary={summary(value) || singular(list)}>
          {() => <Members path={path} values={value} field={field} />}
        </Fold>
        {remove}
      </div>
    );
  }
  return (
    <div class="form-member">
      <FieldView name={String(path.at(-1))} node={node} path={path} value={value} />
      {remove}
    </div>
  );
}

function Either({ path, value, name, field }: Of<'either'>): JSX.Element {
  const chosen = optionOf(field.options, value);
  return (
    <div class="form-either">
      <select
        value={chosen}
        aria-label={`Form of ${name}`}
        onChange={({ currentTarget }) =>
          set(path, blank(field.options[Number(currentTarget.value)] as SchemaNode))
        }
      >
        {field.options.map((option, index) => (
          <option key={index} value={index}>
            {optionName(option)}
          </option>
        ))}
      </select>
      <FieldView name={name} node={field.options[chosen] as SchemaNode} path={path} value={value} />
    </div>
  );
}

function Choices({ path, value, name, field }: Of<'choices'>): JSX.Element {
  const chosen = new Set(Array.isArray(value) ? value.map(String) : []);
  const toggle = (each: string) => {
    if (!chosen.delete(each)) chosen.add(each);
    set(path, [...chosen]);
  };
  return (
    <fieldset class="form-group form-choices">
      <legend>{name}</legend>
      {field.values.map((each) => (
        <label key={each} class="check">
          <input type="checkbox" checked={chosen.has(each)} onChange={() => toggle(each)} />
          {each}
        </label>
      ))}
    </fieldset>
  );
}

function Remove({ path, name }: { path: Path; name: string }): JSX.Element {
  return (
    <button
      type="button"
      class="quiet form-remove"
      aria-label={`Remove ${name}`}
      onClick={(event) => {
        event.preventDefault();
        editScene(removeValue(sceneText.value, path));
      }}
    >
      ×
    </button>
  );
}

function inputId(path: Path): string {
  return `scene-${path.join('-')}`;
}

function placeName(path: Path): string {
  return path.map((part) => (typeof part === 'number' ? String(part + 1) : part)).join(' ');
}

function singular(list: string): string {
  return list.endsWith('entries') ? 'entry' : list.replace(/s$/, '');
}
