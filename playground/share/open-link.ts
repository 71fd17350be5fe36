/** Opens what the page's address holds. */
import { fail, notice } from '../state.ts';
import { fromFragment, restoreCapsule } from './capsule.ts';

/** Links are unpacked beside: the last one counts, not the one that takes longest. */
let opening = 0;

/** @param otherwise what to show when there is nothing to open. */
export async function openLink(otherwise: () => void): Promise<void> {
  const id = ++opening;
  const fragment = location.hash.slice(1);
  try {
    if (fragment === '') return otherwise();
    const capsule = await fromFragment(fragment);
    if (id !== opening) return;
    const missing = restoreCapsule(capsule, 'the link');
    if (missing !== '') notice.value = { text: missing, isError: false };
  } catch (error) {
    if (id !== opening) return;
    otherwise();
    fail(error);
  }
}

/** A link that is put into the address of an open page. */
export function listenForLinks(): void {
  addEventListener('hashchange', () => void openLink(() => {}));
}
