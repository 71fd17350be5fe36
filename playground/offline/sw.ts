/**
 * The service worker: keeps every file of one build of the site, and answers from there. A new build is fetched as a
 * whole beside it, and takes over when no page of the old one is open any more: the two are never mixed.
 */

/** Put in by scripts/build-playground.mjs. */
declare const FILES: readonly string[];
declare const BUILD: string;

interface ExtendableEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}

interface FetchEvent extends ExtendableEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

interface Scope {
  readonly registration: { readonly scope: string };
  readonly clients: { claim(): Promise<void> };
  addEventListener(type: 'install' | 'activate', listener: (event: ExtendableEvent) => void): void;
  addEventListener(type: 'fetch', listener: (event: FetchEvent) => void): void;
}

const scope = self as unknown as Scope;
const PREFIX = `drydock ${scope.registration.scope} `;
const CACHE = PREFIX + BUILD;

scope.addEventListener('install', (event) => event.waitUntil(keepAll()));
scope.addEventListener('activate', (event) => event.waitUntil(takeOver()));
scope.addEventListener('fetch', (event) => {
  const { method, url } = event.request;
  if (method === 'GET' && url.startsWith(scope.registration.scope)) event.respondWith(answer(event.request));
});

async function keepAll(): Promise<void> {
  const cache = await caches.open(CACHE);
  // Asked of the server anew: what an earlier build left in the browser's own cache may not fit.
  await cache.addAll(
    FILES.map((file) => new Request(new URL(file, scope.registration.scope), { cache: 'no-cache' })),
  );
}

async function takeOver(): Promise<void> {
  for (const name of await caches.keys()) {
    if (name.startsWith(PREFIX) && name !== CACHE) await caches.delete(name);
  }
  await scope.clients.claim();
}

async function answer(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  return (await cache.match(request, { ignoreSearch: true })) ?? fetch(request);
}
