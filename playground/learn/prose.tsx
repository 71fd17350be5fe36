/** Text with `code` between backquotes. */
import type { JSX } from 'preact';

export function Prose({ text }: { text: string }): JSX.Element {
  return (
    <>{text.split('`').map((part, index) => (index % 2 === 1 ? <code key={part}>{part}</code> : part))}</>
  );
}
