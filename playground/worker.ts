/** Answers the page's calls beside it: the page stays free however long that takes. */
import { AssemblyFailure } from '../assembly/source.ts';
import { InputError } from '../bpf/input-error.ts';
import { SceneError } from '../kernel-model/scene/scene-error.ts';
import { beginCall } from './rpc/progress.ts';
import type { Call, Reply, ServiceName } from './rpc/protocol.ts';

type Methods = { readonly [method: string]: (...args: unknown[]) => unknown };

/** Loaded when first called: a view that is not opened costs nothing. */
const SERVICES: { readonly [Name in ServiceName]: () => Promise<{ readonly service: object }> } = {
  assembly: () => import('./assembly/service.ts'),
  verify: () => import('./verify/service.ts'),
  run: () => import('./run/service.ts'),
  locks: () => import('./locks/service.ts'),
  checkpoint: () => import('./checkpoint/service.ts'),
};

/** Calls are answered one after another, in their order. */
let last: Promise<void> = Promise.resolve();

async function answer({ id, service, method, args }: Call): Promise<Reply> {
  try {
    beginCall(id);
    const methods = (await SERVICES[service]()).service as Methods;
    return { id, value: await methods[method]?.(...args) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const at =
      error instanceof SceneError || error instanceof AssemblyFailure
        ? { at: { line: error.line, column: error.column } }
        : {};
    return { id, error: message, bug: !(error instanceof InputError), ...at };
  } finally {
    beginCall(undefined);
  }
}

self.onmessage = ({ data }: MessageEvent<Call>) => {
  last = last.then(async () => self.postMessage(await answer(data)));
};
