import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Errno } from '../../bpf/errno.ts';
import { HelperId } from '../../bpf/helper-id.ts';
import { ObjectCall, ObjectField } from '../../bpf/object-abi.ts';
import { VmKfunc } from '../../bpf/vm-call.ts';
import { field, KPTR, LIST_NODE, ObjectRig, TREE_NODE } from './object-rig.ts';

const EINVAL = BigInt(-Errno.EINVAL);

let objects: ObjectRig;
beforeEach(async () => {
  objects = await ObjectRig.create('interpreter');
});

describe('objects', () => {
  it('are zeros, but for their nodes and their reference count', () => {
    const type = objects.type(80, [
      field(ObjectField.Refcount, 8, 4),
      field(ObjectField.ListNode, 16, 24),
      field(ObjectField.TreeNode, 40, 32),
    ]);
    const object = objects.create(type);
    const words = Array.from({ length: 10 }, (_, i) => objects.load(object + 8n * BigInt(i)));
    const [list, tree] = [object + 16n, object + 40n];
    expect(words).toEqual([0n, 1n, list, list, 0n, tree, 0n, 0n, 0n, 0n]);
  });

  it('have the sizes that Linux has memory for', () => {
    expect(objects.create(objects.type(4088, []))).not.toBe(0n);
    expect(objects.create(objects.type(4089, []))).toBe(0n);
    expect(objects.create(0xffff)).toBe(0n);
  });

  it('go with their last reference', () => {
    const object = objects.create(objects.type(8, [field(ObjectField.Refcount, 0, 4)]));
    expect(objects.rig.pointer(VmKfunc.RefcountAcquire, object)).toBe(object);
    objects.drop(object);
    expect(objects.live).toBe(1);
    objects.drop(object);
    expect(objects.live).toBe(0);
    expect(objects.rig.pointer(VmKfunc.RefcountAcquire, object)).toBe(0n);
  });

  it('are dropped once, and only objects are', () => {
    const object = objects.create();
    objects.drop(object);
    for (const address of [object, object + 8n, objects.rig.alloc(64) + 16n, 0n, 1n << 63n]) {
      expect(() => objects.drop(address)).toThrow(/not what it takes/);
    }
    expect(objects.live).toBe(0);
  });

  it('are no objects for a forged number before them', () => {
    const object = objects.create();
    const forged = objects.rig.words(objects.load(object - 16n), 0, 0, 0);
    expect(() => objects.drop(forged + 16n)).toThrow(/not what it takes/);
    expect(objects.live).toBe(1);
  });

  it('own what is behind their kptrs, however long the chain', () => {
    let last = 0n;
    for (let i = 0; i < 100_000; i++) {
      const object = objects.create();
      expect(objects.rig.pointer(HelperId.KptrXchg, object + KPTR, last)).toBe(0n);
      last = object;
    }
    objects.drop(last);
    expect(objects.live).toBe(0);
  });

  it('that own themselves are freed once', () => {
    const [one, other] = [objects.create(), objects.create()];
    objects.rig.call(HelperId.KptrXchg, one + KPTR, other);
    objects.rig.call(HelperId.KptrXchg, other + KPTR, one);
    objects.drop(one);
    expect(objects.live).toBe(0);
  });

  it('own the items of their lists and trees', () => {
    const owner = objects.type(32, [
      field(ObjectField.ListHead, 0, 16, LIST_NODE),
      field(ObjectField.TreeRoot, 16, 16, TREE_NODE),
    ]);
    const object = objects.create(owner);
    for (let key = 0; key < 100; key++) {
      objects.push(object, objects.create());
      objects.addTo(object + 16n, objects.create(objects.item, (key * 37) % 100));
    }
    expect(objects.live).toBe(201);
    objects.drop(object);
    expect(objects.live).toBe(0);
  });

  it('keep what they hold until the next run', () => {
    const object = objects.create(objects.item, 77);
    objects.drop(object);
    expect(objects.create()).not.toBe(object);
    expect(objects.load(object)).toBe(77n);
  });

  it('have copies for the CPUs there are', () => {
    const object = objects.rig.pointer(ObjectCall.PercpuNew | objects.type(12, []));
    const copies = [0, 1, 2, 3, 4].map((cpu) => objects.rig.pointer(VmKfunc.PercpuObjectPtr, object, cpu));
    expect(copies.map((copy) => (copy === 0n ? copy : copy - (copies[0] as bigint)))).toEqual([
      0n,
      16n,
      32n,
      48n,
      0n,
    ]);
    expect(objects.rig.pointer(VmKfunc.ThisCpuObjectPtr, object)).toBe(copies[0]);
    expect(objects.rig.pointer(VmKfunc.PercpuObjectPtr, 0n, 0)).toBe(0n);
    objects.drop(object);
    expect(objects.live).toBe(0);
  });
});

describe('lists', () => {
  it('are double-ended queues', () => {
    const step = fc.record({ back: fc.boolean(), push: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const head = objects.root();
        const model: bigint[] = [];
        for (const { back, push } of steps) {
          if (push) {
            const item = objects.create();
            expect(objects.push(head, item, back)).toBe(0n);
            if (back) model.push(item);
            else model.unshift(item);
          } else {
            expect(objects.pop(head, back)).toBe((back ? model.pop() : model.shift()) ?? 0n);
          }
        }
        for (const item of model) expect(objects.pop(head)).toBe(item);
      }),
    );
  });

  it('refuse a node that is on one', () => {
    const [head, other] = [objects.root(), objects.root()];
    const items = [objects.create(), objects.create()] as const;
    for (const item of items) objects.push(head, item);
    expect(objects.push(other, items[0])).toBe(EINVAL);
    expect(objects.pop(other)).toBe(0n);
    expect([objects.pop(head), objects.pop(head), objects.pop(head)]).toEqual([...items, 0n]);
  });

  it('give no node that says it is elsewhere', () => {
    const head = objects.root();
    const item = objects.create();
    objects.push(head, item);
    objects.store(item + LIST_NODE + 16n, 0x1234n);
    expect(objects.pop(head)).toBe(0n);
  });

  it('fault where a link leads out of the model', () => {
    const head = objects.root();
    const item = objects.create();
    objects.push(head, item);
    objects.store(item + LIST_NODE, 0x1234n);
    expect(() => objects.pop(head)).toThrow(/0x1234/);
    expect(() => objects.push(0x10n, objects.create())).toThrow(/0x10/);
  });

  it('end where links go round in circles', () => {
    const owner = objects.create(objects.type(16, [field(ObjectField.ListHead, 0, 16, LIST_NODE)]));
    const items = [objects.create(), objects.create(), objects.create()] as const;
    for (const item of items) objects.push(owner, item);
    objects.store(items[2] + LIST_NODE, items[1] + LIST_NODE);
    objects.drop(owner);
    expect(objects.live).toBe(0);
  });
});
