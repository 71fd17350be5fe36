/** A kernel's configuration (.config), for the CONFIG_ externs of programs. */

/** The text in a profile's directory, compressed. */
export const CONFIG_FILE = 'config.gz';

/** What is set: name with CONFIG_ -> value as written ("y", "250", "\"text\""). */
export function parseKernelConfig(text: string): Map<string, string> {
  const config = new Map<string, string>();
  for (const [, name = '', value = ''] of text.matchAll(/^(CONFIG_\w+)=(.*)$/gm)) config.set(name, value);
  return config;
}
