/** drydock playground: serves the static page. */
import { createReadStream, existsSync, realpathSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, sep } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { InputError } from '../bpf/input-error.ts';
import { packageRoot } from '../bpf/package-root.ts';
import { ExitCode } from './exit-code.ts';

const TYPES: { readonly [extension: string]: string } = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

const HELP = `
Example:
  drydock playground --port 8080

The page is static: any server of files can host the directory build/playground. What is dropped into it stays in the
browser.

Exit code: 0 ended by a signal; 2 the port cannot be had, or the page is not built.`;

export function addPlayground(program: Command, done: (code: ExitCode) => void): void {
  program
    .command('playground')
    .description('serve the playground, a static page')
    .option('--port <number>', 'port; 0 for any', port, 8417)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .addHelpText('after', HELP)
    .action(async (options: { port: number; host: string }) => done(await serve(options)));
}

function port(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 0xffff)
    throw new InvalidArgumentError('It has to be 0 to 65535.');
  return Number(text);
}

function serve({ port: wanted, host }: { port: number; host: string }): Promise<ExitCode> {
  const site = join(packageRoot(), 'build', 'playground');
  if (!existsSync(join(site, 'index.html')))
    throw new InputError('is not built: npm run build does', { file: 'build/playground' });
  const folder = realpathSync(site);
  const server = createServer((request, response) => answer(folder, request, response));
  return new Promise((resolve, reject) => {
    server.on('error', ({ message }) => reject(new InputError(`cannot listen: ${message}`)));
    server.listen(wanted, host, () => {
      const { port: actual } = server.address() as AddressInfo;
      process.stdout.write(`http://${host.includes(':') ? `[${host}]` : host}:${actual}/\n`);
    });
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => {
        server.close();
        server.closeAllConnections();
        resolve(ExitCode.Ok);
      });
  });
}

function answer(folder: string, { method, url }: IncomingMessage, response: ServerResponse): void {
  const path = method === 'GET' || method === 'HEAD' ? fileOf(folder, url ?? '/') : undefined;
  if (path === undefined) {
    response.writeHead(method === 'GET' || method === 'HEAD' ? 404 : 405, { 'Content-Type': 'text/plain' });
    response.end('not here\n');
    return;
  }
  response.writeHead(200, {
    'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream',
    'Content-Length': statSync(path).size,
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': 'no-cache',
  });
  if (method === 'HEAD') response.end();
  else createReadStream(path).pipe(response);
}

/** Undefined for what is not in the folder. */
function fileOf(folder: string, url: string): string | undefined {
  let path: string;
  try {
    path = decodeURIComponent(new URL(url, 'http://localhost').pathname);
  } catch {
    return undefined;
  }
  if (path.includes('\0')) return undefined;
  const file = join(folder, path.endsWith('/') ? `${path}index.html` : path);
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return undefined;
  return realpathSync(file).startsWith(folder + sep) ? file : undefined;
}
