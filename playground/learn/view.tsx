/** The lessons, to choose from. */
import type { JSX } from 'preact';
import '../style/learn.css';
import { beginLesson, finished, lesson } from './course.ts';
import { LESSONS } from './lessons.ts';

export function LearnView(): JSX.Element {
  return (
    <section class="lessons" aria-labelledby="lessons-title">
      <h2 id="lessons-title">Eight short lessons</h2>
      <p class="muted">
        Each takes a few minutes: something to look at, and something to do. The page sees when you have done
        it.
      </p>
      <ol>
        {LESSONS.map(({ id, title, about }, index) => (
          <li key={id}>
            <span class="lesson-number" aria-hidden="true">
              {index + 1}
            </span>
            <div>
              <h3>
                {title} {finished.value.has(id) && <span class="badge good">done</span>}
              </h3>
              <p>{about}</p>
            </div>
            <button
              type="button"
              class={lesson.value?.id === id ? 'primary' : ''}
              aria-label={`Begin: ${title}`}
              onClick={() => beginLesson(id)}
            >
              Begin
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}
