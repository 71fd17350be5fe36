/** Helpers with arguments that no verifier would let pass: an answer or a fault, never a crash or a hang. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ObjectCall, ObjectField } from '../../bpf/object-abi.ts';
import { HostCall, VmCpumask, VmKfunc } from '../../bpf/vm-call.ts';
import { ObjectTypes } from '../../vm/object-types.ts';
import { HelperFault, Rig, USER_PAGE, u32, u64 } from './helper-rig.ts';
import { field } from './object-rig.ts';

const SEED = 20_211_123;
const RUNS = 20_000;

const rig = await Rig.create();
const maps = [1, 2, 3, 4, 5, 6, 9, 10].map((type) =>
  rig.map({ type, valueSize: type === 3 || type === 4 ? 4 : 8, maxEntries: 8 }),
);
maps.push(
  rig.map({ type: 11, keySize: 8, flags: 1 }),
  rig.map({ type: 22, keySize: 0 }),
  rig.map({ type: 23, keySize: 0 }),
  rig.map({ type: 27, keySize: 0, valueSize: 0, maxEntries: 4096 }),
  rig.map({ type: 29, maxEntries: 0, flags: 1 }),
  rig.map({ type: 30, keySize: 0 }),
  rig.map({ type: 31, keySize: 0, valueSize: 0, maxEntries: 4096 }),
);
const task = rig.alloc(256);
rig.kernel.task = task;
const item = new ObjectTypes(rig.vm).register(
  [
    field(ObjectField.TreeNode, 0, 32),
    field(ObjectField.ListNode, 32, 24),
    field(ObjectField.KptrRef, 56, 8),
    field(ObjectField.ListHead, 64, 16, 32n),
    field(ObjectField.TreeRoot, 80, 16),
  ],
  96,
);
const objects = Array.from({ length: 6 }, () => rig.pointer(ObjectCall.New | item));
const addresses = [
  ...maps.map((map) => map.address),
  ...objects.flatMap((object) => [object, object + 32n, object + 64n, object + 80n]),
  rig.put('%d %s %pI4 %pB %c'),
  rig.put(new Uint8Array(4096).fill(0xff)),
  rig.put(Uint8Array.of(...u64(rig.alloc(64)), ...u32(1), ...u32(0))),
  rig.seqFile(128),
  rig.alloc(512),
  task,
  USER_PAGE,
];

const argument = fc.oneof(
  fc.constantFrom(...addresses),
  fc
    .constantFrom(...addresses)
    .chain((address) => fc.integer({ min: -64, max: 64 }).map((by) => address + BigInt(by))),
  fc.bigInt(0n, 64n),
  fc.constantFrom(0xffff_ffffn, 1n << 31n, 1n << 63n, (1n << 64n) - 1n, 4096n, 1n << 24n),
  fc.bigInt(0n, (1n << 64n) - 1n),
);
const number = fc.oneof(
  fc.integer({ min: 0, max: 220 }),
  fc.integer({ min: VmKfunc.First, max: VmKfunc.End }),
  fc.integer({ min: VmCpumask.Begin, max: VmCpumask.End }),
  fc.constantFrom(ObjectCall.PushFront | 32, ObjectCall.PushBack | 32, ObjectCall.TreeAdd),
  fc.constantFrom(ObjectCall.New | item, ObjectCall.PercpuNew | item, ObjectCall.End),
  fc.constantFrom(0x1000, HostCall.Time, -1, 0x7fff_ffff),
);

it('any helper, any arguments', () => {
  let answers = 0;
  let faults = 0;
  fc.assert(
    fc.property(number, fc.tuple(argument, argument, argument, argument, argument), (id, args) => {
      // Shifted into u64: an address next to an end may have gone below zero.
      const words = args.map((word) => BigInt.asUintN(64, word));
      try {
        rig.call(id, ...words);
        answers++;
      } catch (error) {
        expect(error).toBeInstanceOf(HelperFault);
        faults++;
      }
    }),
    { seed: SEED, numRuns: RUNS },
  );
  // Both happen, or the arguments are no test.
  expect(answers).toBeGreaterThan(RUNS / 10);
  expect(faults).toBeGreaterThan(RUNS / 10);
  expect(rig.vm.ram.buffer.byteLength).toBeLessThan(1 << 29);
});
