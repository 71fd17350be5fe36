/** What the page is about, whatever view shows it. */
import { batch, signal } from '@preact/signals';
import type { Vmlinux } from './kernel/bench.ts';
import type { Example, Site } from './kernel/site.ts';

export const VIEWS = ['verify', 'run', 'locks', 'checkpoint', 'learn'] as const;
export type View = (typeof VIEWS)[number];

/** What is verified and run. */
export type Subject =
  | { readonly kind: 'example'; readonly file: string }
  | { readonly kind: 'object'; readonly file: string; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'assembly'; readonly text: string };

export const site = signal<Site>({ kernels: [], examples: [], scenes: [], lockScenes: [] });
export const view = signal<View>('verify');
export const subject = signal<Subject | undefined>(undefined);
export const kernel = signal('6.12');
/** As a task without capabilities. */
export const unprivileged = signal(false);
/** With the iterators of the io_uring series. */
export const series = signal(false);
/** BTF of a vmlinux that was dropped: it stands in for the chosen kernel's own. */
export const vmlinux = signal<Vmlinux | undefined>(undefined);
/** What went wrong last, and what is good to know; shown above the views. */
export const notice = signal<{ readonly text: string; readonly isError: boolean } | undefined>(undefined);

function exampleOf(file: string): Example | undefined {
  return site.value.examples.find((example) => example.file === file);
}

export function chooseExample(file: string): void {
  batch(() => {
    subject.value = { kind: 'example', file };
    series.value = exampleOf(file)?.series ?? series.value;
  });
}

export function fail(error: unknown): void {
  notice.value = { text: error instanceof Error ? error.message : String(error), isError: true };
}
