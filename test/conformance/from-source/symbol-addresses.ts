/**
 * Addresses of kernel symbols, for a verification: nothing looks behind one, but programs compare them, so that
 * each symbol has one of its own.
 */

/** Where the text of an x86-64 kernel begins, and how far apart its functions are at least. */
const TEXT = 0xffff_ffff_8100_0000n;
const SPACING = 16n;

/** A function that gives every name an address, the same one each time. */
export function symbolAddresses(): (name: string) => bigint {
  const known = new Map<string, bigint>();
  return (name) => {
    const address = known.get(name) ?? TEXT + BigInt(known.size) * SPACING;
    known.set(name, address);
    return address;
  };
}
