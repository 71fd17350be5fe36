/**
 * A kernel as data: its types (vmlinux BTF with the series' overlay) and its dialect. Everything that differs
 * between the modelled kernels comes from here.
 */
import { Btf, BtfKind, type TypeId } from '../bpf/btf.ts';
import { InputError } from '../bpf/input-error.ts';
import { type Dialect, parseDialect } from './dialect.ts';
import { Layout } from './layout.ts';
import type { Overlay } from './module-tables.ts';
import { seriesOverlay } from './overlay.ts';

export interface ProfileSource {
  /** "6.12", "5.16+series" */
  name: string;
  /** The kernel's BTF blob, not compressed. */
  btf: Uint8Array;
  /** Text of dialect.json. */
  dialect: string;
}

export class KernelProfile {
  readonly name: string;
  /** BTF of the kernel itself. */
  readonly vmlinux: Btf;
  /** What programs are loaded against: vmlinux with the overlay. Ids below `vmlinux.typeCount` are vmlinux's. */
  readonly btf: Btf;
  readonly dialect: Dialect;
  /** What the series adds to the kernel. */
  readonly overlay: Overlay;
  private readonly layouts = new Map<string, Layout | undefined>();

  private constructor(name: string, vmlinux: Btf, dialect: Dialect) {
    this.name = name;
    this.vmlinux = vmlinux;
    this.dialect = dialect;
    this.overlay = seriesOverlay(vmlinux, dialect);
    this.btf = Btf.parse(this.overlay.btf, { base: vmlinux, file: `${name} overlay` });
  }

  /** @throws {InputError} for malformed BTF, a malformed dialect, or a kernel without io_uring or epoll. */
  static create(source: ProfileSource): KernelProfile {
    const dialect = parseDialect(source.dialect, `${source.name}/dialect.json`);
    const vmlinux = Btf.parse(source.btf, { file: `${source.name}/btf.bin` });
    return new KernelProfile(source.name, vmlinux, dialect);
  }

  /** Layout of a struct, union or typedef of one. @throws {InputError} when this kernel has none. */
  layout(name: string): Layout {
    const layout = this.findLayout(name);
    if (!layout) throw new InputError(`kernel ${this.name} has no struct ${name}`);
    return layout;
  }

  hasLayout(name: string): boolean {
    return this.findLayout(name) !== undefined;
  }

  findLayout(name: string): Layout | undefined {
    if (this.layouts.has(name)) return this.layouts.get(name);
    const id = this.compositeId(name);
    const layout = id === 0 ? undefined : new Layout(this.btf, id, name);
    this.layouts.set(name, layout);
    return layout;
  }

  private compositeId(name: string): TypeId {
    const struct = this.btf.find(name, BtfKind.Struct, BtfKind.Union);
    return struct !== 0 ? struct : this.btf.find(name, BtfKind.Typedef);
  }
}
