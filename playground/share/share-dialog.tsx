/** What others need to see the same: a link, or a file. */
import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { openFiles } from '../input/open-files.ts';
import { fail } from '../state.ts';
import { save } from '../ui/save.ts';
import { MOST_LINK, saveCapsule, toFragment } from './capsule.ts';

/** Longer links are cut by some programs that they are sent with. */
const LONG_LINK = 8000;

const link = signal('');
const copied = signal(false);
const isSharing = signal(false);

export async function share(): Promise<void> {
  try {
    const fragment = await toFragment(saveCapsule());
    link.value = fragment.length > MOST_LINK ? '' : `${location.href.replace(/#.*/, '')}#${fragment}`;
    copied.value = false;
    isSharing.value = true;
    if (link.value !== '') history.replaceState(null, '', `#${fragment}`);
  } catch (error) {
    fail(error);
  }
}

export function ShareDialog(): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const isOpen = isSharing.value;
  useEffect(() => {
    if (isOpen) dialog.current?.showModal();
    else dialog.current?.close();
  }, [isOpen]);
  return (
    <dialog
      ref={dialog}
      class="share"
      aria-labelledby="share-title"
      onClose={() => {
        isSharing.value = false;
      }}
    >
      <h2 id="share-title" class="share-title">
        Share what is shown
      </h2>
      <p>
        Program, kernel, view and step are in the link itself, packed: nothing is stored anywhere, and nothing
        is sent when it is made.
      </p>
      <LinkField />
      <div class="toolbar">
        <button type="button" onClick={() => save('drydock.capsule.json', JSON.stringify(saveCapsule()))}>
          Save as a capsule file
        </button>
        <label class="button file-button">
          <input
            type="file"
            class="visually-hidden"
            accept=".json,application/json"
            onChange={({ currentTarget }) => {
              void openFiles([...(currentTarget.files ?? [])]);
              isSharing.value = false;
            }}
          />
          Open a capsule file…
        </label>
        <span class="spread" />
        <button
          type="button"
          class="primary"
          onClick={() => {
            isSharing.value = false;
          }}
        >
          Close
        </button>
      </div>
    </dialog>
  );
}

function LinkField(): JSX.Element {
  if (link.value === '')
    return <p class="badge warn">It is too large for a link: save it as a capsule file.</p>;
  return (
    <>
      <div class="link-row">
        <input
          id="link"
          type="text"
          readOnly
          aria-label="Link"
          value={link.value}
          onFocus={({ currentTarget }) => currentTarget.select()}
        />
        <button type="button" onClick={() => void copy()}>
          {copied.value ? 'Copied' : 'Copy'}
        </button>
      </div>
      {link.value.length > LONG_LINK && (
        <p class="muted">
          {link.value.length} characters: some programs cut links that long. A capsule file is safer.
        </p>
      )}
    </>
  );
}

async function copy(): Promise<void> {
  try {
    await navigator.clipboard.writeText(link.value);
    copied.value = true;
  } catch {
    // Not allowed here: the link can be chosen and copied by hand.
    document.querySelector<HTMLInputElement>('#link')?.select();
  }
}
