/** Links and capsules come from anybody: what is wrong with them is told, and nothing else happens. */
import fc from 'fast-check';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { InputError } from '../../bpf/input-error.ts';
import { fromBase64, pack, toBase64, unpack } from '../../playground/share/bytes.ts';
import type { Capsule } from '../../playground/share/capsule.ts';

// The page's modules want to know where the site is.
vi.stubGlobal('location', { href: 'http://site/assets/worker.js' });
const { fromFragment, parseCapsule, toFragment } = await import('../../playground/share/capsule.ts');
afterAll(() => vi.unstubAllGlobals());

const bytes = fc.uint8Array({ maxLength: 3000 }).map((each) => Uint8Array.from(each));
const FILE = { file: 'it' };

const CAPSULE: Capsule = {
  drydock: 1,
  view: 'verify',
  kernel: '6.12',
  unprivileged: false,
  series: true,
  subject: { kind: 'assembly', text: 'r0 = 0\nexit' },
  verify: { program: 'x'.repeat(3000), step: 7 },
};

/** What it gives, or the error of the input that it throws. */
async function taken<T>(work: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    expect((error as InputError).file).toBe('it');
    return undefined;
  }
}

describe('bytes as text', () => {
  it('come back', async () => {
    await fc.assert(
      fc.asyncProperty(bytes, async (content) => {
        const text = toBase64(await pack(content));
        expect(text).toMatch(/^[\w-]*$/);
        expect(await unpack(fromBase64(text, 'it'), FILE)).toEqual(content);
      }),
    );
  });

  it('are refused when they are no base64, or do not unpack', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), (text) => taken(() => fromBase64(text, 'it')).then(() => {})),
    );
    await fc.assert(fc.asyncProperty(bytes, (packed) => taken(() => unpack(packed, FILE)).then(() => {})));
  });

  it('are refused when they unpack to too much', async () => {
    const packed = await pack(new Uint8Array(3 << 20));
    expect(packed.length).toBeLessThan(10_000);
    await expect(unpack(packed, { file: 'it', most: 2 << 20 })).rejects.toThrow('unpacks to more than 2 MiB');
  });
});

describe('a capsule', () => {
  it('comes back from a link', async () => {
    expect(await fromFragment(await toFragment(CAPSULE))).toEqual(CAPSULE);
  });

  it('is refused, whatever else the text is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.json()), (text) =>
        taken(() => parseCapsule(text, 'it')).then(() => {}),
      ),
    );
  });

  it('is refused with any field of another kind', async () => {
    const field = fc.constantFrom(...Object.keys(CAPSULE));
    await fc.assert(
      fc.asyncProperty(field, fc.jsonValue(), async (name, value) => {
        await taken(() => parseCapsule(JSON.stringify({ ...CAPSULE, [name]: value }), 'it'));
      }),
    );
    expect(() => parseCapsule(JSON.stringify({ ...CAPSULE, more: 1 }), 'it')).toThrow(InputError);
  });

  it('in a link is refused for what is damaged', async () => {
    const whole = await toFragment(CAPSULE);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(whole.length - 1),
        fc.string({ minLength: 1, maxLength: 1 }),
        async (at, char) => {
          await fromFragment(whole.slice(0, at) + char + whole.slice(at + 1)).catch((error) => {
            expect(error).toBeInstanceOf(InputError);
            expect(error.file).toBe('the link');
          });
        },
      ),
    );
  });
});
