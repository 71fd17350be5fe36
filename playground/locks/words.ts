/** How the view says things. */

/** Steps that only decide where their actor goes on have no text of their own. */
export function stepText(text: string, looksAt: readonly string[]): string {
  if (text !== '') return text;
  return looksAt.length > 0 ? `looks at ${looksAt.join(' and ')}` : 'goes on';
}

/** "use-after-free" -> "Use after free" */
export function kindText(kind: string): string {
  const words = kind === 'lost-wake-up' ? 'lost wake-up' : kind.replaceAll('-', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function counted(count: number | bigint): string {
  return count.toLocaleString('en');
}

/** "reader, submitter and closer" */
export function list(names: readonly string[]): string {
  if (names.length < 2) return names.join('');
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
