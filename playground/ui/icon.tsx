/** Drawn signs of buttons: fonts do not have them everywhere. */
import type { JSX } from 'preact';

const SHAPES = {
  first: 'M3 3h2v10H3zM13 3v10L6 8z',
  back: 'M11 3v10L4 8z',
  forward: 'M5 3v10l7-5z',
  last: 'M3 3v10l7-5zM11 3h2v10h-2z',
  'path-start': 'M2 3h2v10H2zM14 7v2H8v3L4 8l4-4v3z',
  'path-end': 'M12 3h2v10h-2zM2 7v2h6v3l4-4-4-4v3z',
  branch: 'M4 2h2v5h4l-2-2 1.4-1.4L13.8 8l-4.4 4.4L8 11l2-2H4z',
} as const;

export type IconName = keyof typeof SHAPES;

export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg viewBox="0 0 16 16" aria-hidden="true">
      <path d={SHAPES[name]} />
    </svg>
  );
}
