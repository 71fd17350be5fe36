/** BPF assembly: programs as text. */
export { type DisassembledOptions, disassembleToAssembly } from './disassemble.ts';
export { loadAssembly } from './object.ts';
export { parseAssembly } from './parse.ts';
export { type AssembledOptions, assembledRequest } from './request.ts';
export * from './source.ts';
