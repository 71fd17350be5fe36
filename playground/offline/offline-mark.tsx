/** Keeps the site in the browser, and says when it works without a network. */
import { signal } from '@preact/signals';
import type { JSX } from 'preact';

const isKept = signal(false);

export function OfflineMark(): JSX.Element | null {
  if (!isKept.value) return null;
  return (
    <span class="offline" id="offline" title="Everything is kept in this browser">
      works offline
    </span>
  );
}

/** Where the browser can: on https, and on the machine itself. */
export async function keepSite(): Promise<void> {
  if (!('serviceWorker' in navigator)) return;
  try {
    await navigator.serviceWorker.register(new URL('./sw.js', document.baseURI));
    await navigator.serviceWorker.ready;
    isKept.value = true;
  } catch (error) {
    // The page works as well, as long as there is a network.
    console.info(`not kept for offline use: ${error instanceof Error ? error.message : error}`);
  }
}
