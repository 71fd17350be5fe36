import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Errno } from '../../bpf/errno.ts';
import { LEFT, ObjectRig, PARENT, RIGHT, TREE_NODE } from './object-rig.ts';

const rigs = {
  interpreter: await ObjectRig.create('interpreter'),
  translated: await ObjectRig.create('translated'),
};
const rig = rigs.interpreter;

/** The items below a node in order; it throws where the tree is none, or not balanced. */
function walk(objects: ObjectRig, root: bigint): bigint[] {
  const items: bigint[] = [];
  /** @returns how many black nodes every path down from here has */
  const visit = (node: bigint, parent: bigint, parentRed: boolean): number => {
    if (node === 0n) return 0;
    const up = objects.load(node + PARENT);
    const red = (up & 1n) === 0n;
    expect(up & ~3n).toBe(parent);
    expect(red && parentRed).toBe(false);
    const left = visit(objects.load(node + LEFT), node, red);
    items.push(node - TREE_NODE);
    expect(visit(objects.load(node + RIGHT), node, red)).toBe(left);
    return left + (red ? 0 : 1);
  };
  visit(objects.load(root), 0n, true);
  return items;
}

/** "key(left right)" of the subtree at a node, red ones with a star. */
function shape(objects: ObjectRig, node: bigint): string {
  if (node === 0n) return '-';
  const colour = (objects.load(node + PARENT) & 1n) === 0n ? '*' : '';
  const [left, right] = [LEFT, RIGHT].map((side) => shape(objects, objects.load(node + side)));
  const key = `${objects.load(node - TREE_NODE)}${colour}`;
  return left === '-' && right === '-' ? key : `${key}(${left} ${right})`;
}

function add(objects: ObjectRig, root: bigint, key: number): bigint {
  const item = objects.create(objects.item, key);
  const { r0, fault } = objects.addTo(root, item);
  expect([r0, fault]).toEqual([0n, null]);
  return item;
}

type Step = { add: number } | { remove: number };
const steps = fc.array(
  fc.oneof(
    fc.record({ add: fc.nat(20) }),
    fc.record({ add: fc.nat(1000) }),
    fc.record({ remove: fc.nat(1000) }),
  ),
  { maxLength: 120 },
);

/** Takes the steps, and after each compares the tree with a list that is kept sorted. */
function follow(objects: ObjectRig, todo: readonly Step[]): void {
  const root = objects.root();
  const model: { key: number; item: bigint }[] = [];
  for (const step of todo) {
    if ('add' in step) {
      const after = model.findIndex(({ key }) => step.add < key);
      const entry = { key: step.add, item: add(objects, root, step.add) };
      model.splice(after < 0 ? model.length : after, 0, entry);
    } else if (model.length > 0) {
      const [{ item }] = model.splice(step.remove % model.length, 1) as [(typeof model)[0]];
      expect(objects.remove(root, item)).toBe(item + TREE_NODE);
      expect(objects.remove(root, item)).toBe(0n);
      objects.drop(item);
    }
    expect(walk(objects, root)).toEqual(model.map(({ item }) => item));
    expect(objects.first(root)).toBe(model[0]?.item ?? 0n);
  }
  for (const { item } of model) {
    objects.remove(root, item);
    objects.drop(item);
  }
  expect([objects.load(root), objects.first(root), objects.live]).toEqual([0n, 0n, 0]);
}

describe('red-black trees', () => {
  it.each(Object.entries(rigs))('are in order and balanced after every step, %s', (_tier, objects) => {
    fc.assert(
      fc.property(steps, (todo) => follow(objects, todo)),
      { numRuns: 40 },
    );
  });

  it('have the shape of the textbook', () => {
    const root = rig.root();
    const items = [1, 2, 3, 4, 5, 6, 7, 8].map((key) => add(rig, root, key));
    expect(shape(rig, rig.load(root))).toBe('4(2*(1 3) 6*(5 7(- 8*)))');
    rig.remove(root, items[3] as bigint);
    expect(shape(rig, rig.load(root))).toBe('5(2*(1 3) 7*(6 8))');
    rig.remove(root, items[0] as bigint);
    expect(shape(rig, rig.load(root))).toBe('5(2(- 3*) 7*(6 8))');
    for (const item of items) {
      rig.remove(root, item);
      rig.drop(item);
    }
  });

  it('stay low with many nodes', () => {
    const root = rig.root();
    const items = Array.from({ length: 20_000 }, (_, key) => add(rig, root, key));
    let height = 0;
    for (let node = rig.load(root); node !== 0n; node = rig.load(node + RIGHT)) height++;
    expect(height).toBeLessThanOrEqual(2 * Math.log2(20_001));
    expect(walk(rig, root)).toEqual(items);
    for (const item of items) {
      rig.remove(root, item);
      rig.drop(item);
    }
    expect(rig.live).toBe(0);
  });

  it('keep a node that is added a second time, and the reference goes', () => {
    const root = rig.root();
    const item = add(rig, root, 1);
    expect(BigInt.asIntN(64, rig.addTo(rig.root(), item).r0)).toBe(BigInt(-Errno.EINVAL));
    // It was the only one: the object is gone, though the tree still has its node, as in Linux.
    expect(rig.live).toBe(0);
  });

  it('give a node only to its own root', () => {
    const root = rig.root();
    const item = add(rig, root, 1);
    expect(rig.remove(rig.root(), item)).toBe(0n);
    expect(rig.remove(root, item)).toBe(item + TREE_NODE);
    rig.drop(item);
  });
});

describe.each(Object.entries(rigs))('trees that a program has damaged, %s', (_tier, objects) => {
  it('fault where a link leads out of the model', () => {
    const root = objects.root();
    for (let key = 0; key < 5; key++) add(objects, root, key);
    objects.store(objects.load(root) + RIGHT, 0xffff_0000_0000_1234n);
    const { fault } = objects.addTo(root, objects.create(objects.item, 9));
    expect(fault?.kind).toBe('read');
  });

  it('fault where links go round in circles', () => {
    const root = objects.root();
    for (let key = 0; key < 5; key++) add(objects, root, key);
    const top = objects.load(root);
    objects.store(top + RIGHT, top);
    const { fault } = objects.addTo(root, objects.create(objects.item, 9));
    expect(fault?.kind).toBe('bad-argument');
  });

  it('end every operation', () => {
    const damage = fc.record({
      node: fc.nat(15),
      word: fc.constantFrom(0n, 8n, 16n, 24n),
      value: fc.oneof(
        fc.nat(15).map((node) => ({ node })),
        fc.bigInt(0n, (1n << 64n) - 1n).map((value) => ({ value })),
        fc.constantFrom(0n, 1n).map((value) => ({ value })),
      ),
    });
    const operation = fc.oneof(
      fc.record({ damage }),
      fc.record({ add: fc.nat(20) }),
      fc.record({ remove: fc.nat(15) }),
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 30 }), (operations) => {
        const root = objects.root();
        const items = Array.from({ length: 16 }, (_, key) => add(objects, root, key));
        const nodeOf = (index: number) => (items[index] as bigint) + TREE_NODE;
        for (const step of operations) {
          if ('damage' in step) {
            const { node, word, value } = step.damage;
            objects.store(nodeOf(node) + word, 'node' in value ? nodeOf(value.node) : value.value);
          } else if ('add' in step) {
            const { status } = objects.addTo(root, objects.create(objects.item, step.add));
            expect(status).not.toBe('suspended');
          } else {
            try {
              objects.remove(root, items[step.remove] as bigint);
            } catch (error) {
              expect(error).toMatchObject({ name: 'HelperFault' });
            }
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});
