/** A WebAssembly module under construction: types, imports, functions, exports and code, as bytes at the end. */
import { Bytes } from './bytes.ts';
import type { Code } from './code.ts';
import type { Type } from './wasm-op.ts';

const HEADER = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
const FUNCTION_TYPE = 0x60;

const enum Section {
  Type = 1,
  Import = 2,
  Function = 3,
  Export = 7,
  Code = 10,
}

const enum Kind {
  Function = 0,
  Memory = 2,
  Global = 3,
}

export interface Signature {
  params: readonly Type[];
  results: readonly Type[];
}

export class ModuleBuilder {
  private readonly types = new Bytes();
  private readonly typeNumbers = new Map<string, number>();
  private readonly imports = new Bytes();
  private importCount = 0;
  private importedFunctions = 0;
  private importedGlobals = 0;
  private readonly functions: { type: number; code: Code | undefined }[] = [];
  private readonly exports = new Bytes();
  private exportCount = 0;

  /** Imports the memory; its size is the exporter's matter. */
  importMemory(from: string, name: string): void {
    this.import(from, name, Kind.Memory);
    this.imports.append(Uint8Array.of(0, 0));
  }

  /** @returns the function's number. Imports come before functions of the module's own. */
  importFunction(from: string, name: string, signature: Signature): number {
    if (this.functions.length > 0) throw new Error('functions are imported before others are declared');
    this.import(from, name, Kind.Function);
    this.imports.u32(this.typeOf(signature));
    return this.importedFunctions++;
  }

  importGlobal(from: string, name: string, type: Type, mutable: boolean): number {
    this.import(from, name, Kind.Global);
    this.imports.append(Uint8Array.of(type, mutable ? 1 : 0));
    return this.importedGlobals++;
  }

  /** A function whose code follows later. @returns its number */
  declare(signature: Signature): number {
    this.functions.push({ type: this.typeOf(signature), code: undefined });
    return this.importedFunctions + this.functions.length - 1;
  }

  define(number: number, code: Code): void {
    const entry = this.functions[number - this.importedFunctions];
    if (!entry) throw new Error(`function ${number} was not declared`);
    entry.code = code;
  }

  export(name: string, number: number): void {
    this.exportCount++;
    this.exports.vector(new TextEncoder().encode(name));
    this.exports.byte(Kind.Function);
    this.exports.u32(number);
  }

  finish(): Uint8Array<ArrayBuffer> {
    const module = new Bytes(1024);
    module.append(HEADER);
    section(module, Section.Type, this.typeNumbers.size, this.types);
    section(module, Section.Import, this.importCount, this.imports);
    const types = new Bytes();
    const bodies = new Bytes(1024);
    for (const { type, code } of this.functions) {
      if (!code) throw new Error('a function has no code');
      types.u32(type);
      bodies.vector(code.finish());
    }
    section(module, Section.Function, this.functions.length, types);
    section(module, Section.Export, this.exportCount, this.exports);
    section(module, Section.Code, this.functions.length, bodies);
    return module.view.slice();
  }

  private import(from: string, name: string, kind: Kind): void {
    this.importCount++;
    this.imports.vector(new TextEncoder().encode(from));
    this.imports.vector(new TextEncoder().encode(name));
    this.imports.byte(kind);
  }

  private typeOf({ params, results }: Signature): number {
    const key = `${params.join()}:${results.join()}`;
    const known = this.typeNumbers.get(key);
    if (known !== undefined) return known;
    this.types.byte(FUNCTION_TYPE);
    this.types.vector(Uint8Array.from(params));
    this.types.vector(Uint8Array.from(results));
    this.typeNumbers.set(key, this.typeNumbers.size);
    return this.typeNumbers.size - 1;
  }
}

function section(module: Bytes, id: Section, count: number, content: Bytes): void {
  const head = new Bytes(8);
  head.u32(count);
  module.byte(id);
  module.u32(head.length + content.length);
  module.append(head.view);
  module.append(content.view);
}
