/** What a lesson is: something to look at, and steps whose end the page itself sees. */

export interface LessonStep {
  /** What to do. `Code` stands between backquotes. */
  readonly text: string;
  /** What the page has to show; it reads signals, so that it is asked again when they change. */
  readonly isDone: () => boolean;
  /** Shown when asked for. */
  readonly hint: string;
}

export interface Lesson {
  /** In links and in what is remembered. */
  readonly id: string;
  readonly title: string;
  /** What it is good for, in a sentence. */
  readonly about: string;
  /** Puts the page where the lesson begins. */
  readonly begin: () => void;
  readonly steps: readonly LessonStep[];
  /** What was learnt. */
  readonly end: string;
}
