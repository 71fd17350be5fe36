/** What the site has: kernels, examples and scenes. Written by scripts/build-playground.mjs beside the page. */

export interface Site {
  readonly kernels: readonly SiteKernel[];
  readonly examples: readonly Example[];
  /** Scenes to run programs over, and scenes of locks. */
  readonly scenes: readonly SiteScene[];
  readonly lockScenes: readonly SiteScene[];
}

export interface SiteKernel {
  /** "6.12" */
  readonly name: string;
  /** Files of its profile, relative to profiles/NAME/. */
  readonly files: readonly string[];
  /** Its profile has what the verifier needs; the others are for runs alone. */
  readonly verifies: boolean;
}

export interface Example {
  /** "All tasks" */
  readonly name: string;
  /** What it shows: heading of the list it stands in. */
  readonly group: string;
  /** Object in examples/, its C beside it as `source`. */
  readonly file: string;
  readonly source: string;
  /** Needs the iterators of the io_uring series. */
  readonly series: boolean;
}

export interface SiteScene {
  readonly name: string;
  /** In scenes/ (scenes of locks: scenes/locks/). */
  readonly file: string;
  /** What doubt a scene of locks is about. */
  readonly group: string;
  readonly about: string;
}

/** Where the site is: the page and its worker stand at different depths. */
export const base = new URL(
  'document' in globalThis ? './' : '../',
  'document' in globalThis ? document.baseURI.replace(/#.*/, '') : location.href,
);

let loaded: Promise<Site> | undefined;

export function site(): Promise<Site> {
  loaded ??= fetchText('site.json').then((text) => JSON.parse(text) as Site);
  return loaded;
}

/** A file of the site. @throws when it is not there. */
async function fetchFile(path: string): Promise<Response> {
  const response = await fetch(new URL(path, base));
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response;
}

export async function fetchText(path: string): Promise<string> {
  return (await fetchFile(path)).text();
}

/** Unpacked when its name says that it is packed. */
export async function fetchBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetchFile(path);
  const { body } = response;
  if (!path.endsWith('.gz') || !body) return new Uint8Array(await response.arrayBuffer());
  const unpacked = new Response(body.pipeThrough(new DecompressionStream('gzip')));
  return new Uint8Array(await unpacked.arrayBuffer());
}
