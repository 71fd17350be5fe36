/** Writes JSON that is the same each time and good to read in a diff: keys sorted, one entry a line. */

/** @param depth levels of objects that get a line for each entry; what is deeper stays on one line. */
export function stableJson(value: unknown, depth = 2): string {
  return `${write(value, depth, '')}\n`;
}

function write(value: unknown, depth: number, indent: string): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return inline(value);
  const object = value as { [key: string]: unknown };
  const keys = Object.keys(object).sort();
  if (depth === 0 || keys.length === 0) return inline(value);
  const inner = `${indent}  `;
  const lines = keys.map((key) => `${inner}${JSON.stringify(key)}: ${write(object[key], depth - 1, inner)}`);
  return `{\n${lines.join(',\n')}\n${indent}}`;
}

function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const object = value as { [key: string]: unknown };
  const keys = Object.keys(object).sort();
  if (keys.length === 0) return '{}';
  return `{ ${keys.map((key) => `${JSON.stringify(key)}: ${inline(object[key])}`).join(', ')} }`;
}
