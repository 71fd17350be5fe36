/** The lesson that is taken, above whatever view it is about. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import '../style/learn.css';
import { beginLesson, done, isAtEnd, leaveLesson, lesson, nextLesson } from './course.ts';
import type { Lesson } from './lesson.ts';
import { Prose } from './prose.tsx';

export function LessonDock(): JSX.Element | null {
  const of = lesson.value;
  if (!of) return null;
  return (
    <aside class="lesson" aria-label={`Lesson: ${of.title}`}>
      <header>
        <h2>{of.title}</h2>
        <Progress of={of} />
        <span class="spread" />
        <button type="button" onClick={() => beginLesson(of.id)}>
          Start over
        </button>
        <button type="button" onClick={leaveLesson}>
          Leave
        </button>
      </header>
      <div role="status" id="lesson-step">
        {isAtEnd.value ? <End of={of} /> : <Step of={of} />}
      </div>
    </aside>
  );
}

function Progress({ of }: { of: Lesson }): JSX.Element {
  const count = of.steps.length;
  const now = Math.min(done.value + 1, count);
  return (
    <span class="lesson-progress">
      <span class="muted">{isAtEnd.value ? 'done' : `step ${now} of ${count}`}</span>
      <progress max={count} value={done.value} aria-label="Steps done" />
    </span>
  );
}

function Step({ of }: { of: Lesson }): JSX.Element | null {
  const [isHinted, hint] = useState(false);
  const step = of.steps[done.value];
  useEffect(() => hint(false), [step]);
  if (!step) return null;
  return (
    <>
      <p class="task">
        <Prose text={step.text} />
      </p>
      {isHinted ? (
        <p class="hint">
          <Prose text={step.hint} />
        </p>
      ) : (
        <button type="button" class="link" onClick={() => hint(true)}>
          Hint
        </button>
      )}
    </>
  );
}

function End({ of }: { of: Lesson }): JSX.Element {
  const next = nextLesson();
  return (
    <>
      <p class="task">
        <span class="badge good">Done</span> <Prose text={of.end} />
      </p>
      {next ? (
        <button type="button" class="primary" onClick={() => beginLesson(next.id)}>
          Next: {next.title}
        </button>
      ) : (
        <p>That was the last lesson.</p>
      )}
    </>
  );
}
