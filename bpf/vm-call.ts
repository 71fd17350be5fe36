/**
 * Numbers beyond `enum bpf_func_id` that calls inside the vm and across its boundary use, besides `VmCall`.
 * Compiled by tsc and by asc: const enums only.
 */

/** Kfuncs that vm.wasm answers itself. */
export const enum VmKfunc {
  First = 0x1100,
  IterNumNew = 0x1100,
  IterNumNext = 0x1101,
  IterNumDestroy = 0x1102,
  IterBitsNew = 0x1103,
  IterBitsNext = 0x1104,
  IterBitsDestroy = 0x1105,
  DynptrSize = 0x1106,
  DynptrIsNull = 0x1107,
  DynptrIsRdonly = 0x1108,
  DynptrAdjust = 0x1109,
  DynptrClone = 0x110a,
  DynptrSlice = 0x110b,
  DynptrSliceRdwr = 0x110c,
  CastToKernCtx = 0x110d,
  RdonlyCast = 0x110e,
  /** bpf_rcu_read_lock, bpf_preempt_disable and the like: nothing else runs in the model. */
  Nothing = 0x110f,
  MapSumElemCount = 0x1110,
  DynptrFromSkb = 0x1111,
  DynptrFromSkbRdonly = 0x1112,
  DynptrFromXdp = 0x1113,
  /** Objects that programs allocate; those that need an operand are `ObjectCall`s. */
  ObjDrop = 0x1114,
  RefcountAcquire = 0x1115,
  ListPopFront = 0x1116,
  ListPopBack = 0x1117,
  TreeRemove = 0x1118,
  TreeFirst = 0x1119,
  /** bpf_per_cpu_ptr and bpf_this_cpu_ptr of an object with a copy for each CPU. */
  PercpuObjectPtr = 0x111a,
  ThisCpuObjectPtr = 0x111b,
  /** bpf_task_acquire and the like: the model does not count references to what the kernel owns. */
  SameObject = 0x111c,
  End = 0x111d,
}

/** Kfuncs on masks of CPUs, which vm.wasm answers, too (vm/core/cpumask.ts). */
export const enum VmCpumask {
  Begin = 0x1200,
  SetCpu = 0x1200,
  ClearCpu = 0x1201,
  TestCpu = 0x1202,
  TestAndSetCpu = 0x1203,
  TestAndClearCpu = 0x1204,
  SetAll = 0x1205,
  Clear = 0x1206,
  And = 0x1207,
  Or = 0x1208,
  Xor = 0x1209,
  Copy = 0x120a,
  First = 0x120b,
  FirstZero = 0x120c,
  FirstAnd = 0x120d,
  AnyDistribute = 0x120e,
  AnyAndDistribute = 0x120f,
  Equal = 0x1210,
  Intersects = 0x1211,
  Subset = 0x1212,
  Empty = 0x1213,
  Full = 0x1214,
  Weight = 0x1215,
  End = 0x1216,
}

/** What stands behind the ABI's part of the records of packets (vm/context/record.ts): offsets from there. */
export const enum PacketRecord {
  /** u64 address of the first byte */
  Data = 0,
  /** u64 addresses of the byte after the last linear one, and of the metadata */
  DataEnd = 8,
  DataMeta = 16,
  /** u64 bytes of the packet, fragments too */
  Length = 24,
  Size = 32,
  /** Where it begins: the sizes of `struct __sk_buff` and of `struct xdp_md` */
  OfSkb = 192,
  OfXdp = 24,
}

/** What helpers inside vm.wasm ask the host. Arguments in r1.., result as with any helper. */
export const enum HostCall {
  First = 0x2000,
  /** (task or 0 for the current one, address, length, linear offset to copy to): 0 or -EFAULT */
  ReadUser = 0x2000,
  /** As ReadUser for a NUL-terminated string of at most length bytes: bytes with NUL, or -EFAULT */
  ReadUserString = 0x2001,
  /** (address, {@link SymbolStyle}, linear offset, room): length of the symbol's text, stored without NUL */
  SymbolText = 0x2002,
  /** () nanoseconds since boot */
  Time = 0x2003,
  /** () address of the current task_struct */
  CurrentTask = 0x2004,
  /** (linear offset, room): length of "COMM-PID" for a line of trace_pipe, stored without NUL */
  TraceTask = 0x2005,
  /** bpf_task_from_pid (pid): address of the task_struct, 0 when there is none */
  TaskFromPid = 0x2006,
}

/** How a kernel address reads in text. */
export const enum SymbolStyle {
  /** %ps: name */
  Name = 0,
  /** %pS: name+0xoffset/0xsize */
  Offset = 1,
  /** %pB: as %pS, for a return address: the symbol of the byte before it */
  Backtrace = 2,
}
