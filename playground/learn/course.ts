/** Which lesson is taken, how far, and which were finished in this browser. */
import { batch, computed, effect, signal } from '@preact/signals';
import { view } from '../state.ts';
import type { Lesson } from './lesson.ts';
import { LESSONS } from './lessons.ts';

const STORE = 'drydock.lessons';

export const lesson = signal<Lesson | undefined>(undefined);
/** Steps that are done; as many as there are when the lesson is. */
export const done = signal(0);
export const finished = signal<ReadonlySet<string>>(readFinished());

export const isAtEnd = computed(() => lesson.value !== undefined && done.value >= lesson.value.steps.length);

export function beginLesson(id: string): void {
  const found = LESSONS.find((each) => each.id === id);
  if (!found) return;
  batch(() => {
    lesson.value = found;
    done.value = 0;
    found.begin();
  });
}

export function leaveLesson(): void {
  lesson.value = undefined;
  view.value = 'learn';
}

export function nextLesson(): Lesson | undefined {
  const index = LESSONS.findIndex(({ id }) => id === lesson.value?.id);
  return LESSONS[index + 1];
}

/** Sees for itself when a step is done. */
export function watchCourse(): void {
  effect(() => {
    const step = lesson.value?.steps[done.value];
    if (step?.isDone()) done.value++;
  });
  effect(() => {
    const of = lesson.value;
    if (!of || !isAtEnd.value || finished.peek().has(of.id)) return;
    finished.value = new Set([...finished.peek(), of.id]);
    keepFinished();
  });
}

function readFinished(): Set<string> {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(STORE) ?? '[]');
    return new Set(Array.isArray(kept) ? kept.filter((id) => LESSONS.some((each) => each.id === id)) : []);
  } catch {
    // Not allowed to be kept, or not ours.
    return new Set();
  }
}

function keepFinished(): void {
  try {
    localStorage.setItem(STORE, JSON.stringify([...finished.value]));
  } catch {
    // Then it counts until the page is closed.
  }
}
