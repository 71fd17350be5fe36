// Compiles the AssemblyScript cores to build/NAME.wasm.
import { mkdir } from 'node:fs/promises';
import asc from 'assemblyscript/asc';

const cores = [
  // The host puts translated programs into the vm's function table.
  { name: 'vm', entry: 'vm/core/index.ts', flags: ['--exportTable'] },
  { name: 'verifier', entry: 'verifier/core/index.ts' },
];

const flags = [
  '-O3',
  '--runtime',
  'stub',
  '--enable',
  'bulk-memory',
  '--noAssert',
  '--use',
  'abort=',
  '--exportStart',
  '_initialize',
  // bpf/abi.ts: Layout.StaticBase. What stands below are the records shared with the host.
  '--memoryBase',
  '4096',
];

await mkdir('build', { recursive: true });
for (const { name, entry, flags: own = [] } of cores) {
  const { error, stderr } = await asc.main([entry, '-o', `build/${name}.wasm`, ...flags, ...own]);
  const text = stderr.toString();
  if (text) process.stderr.write(text);
  if (error) {
    process.stderr.write(`${entry}: ${error.message}\n`);
    process.exit(1);
  }
}
