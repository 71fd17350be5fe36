/** Load requests with something wrong in them, made from good ones. */
import { FORMS } from '../../bpf/opcodes.ts';
import type { LoadRequest, MapInfo } from '../../verifier/index.ts';
import { damageBtf } from './hostile-btf.ts';
import { damageBytes, type Random } from './hostile-random.ts';

const MODULES = ['bpf_testmod', 'nowhere', '', 'vmlinux', '\0'];
const LICENSES = ['GPL', '', 'MIT', 'GPL'.repeat(100), '\ud800'];
const SLOT = 8;

type Damage = (good: LoadRequest, other: LoadRequest, random: Random) => Partial<LoadRequest>;

function damageInsns(good: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  if (good.length < SLOT || random.once(12)) return damageBytes(good, random);
  const result = new Uint8Array(good);
  const view = new DataView(result.buffer);
  const count = result.length / SLOT;
  for (let times = 1 + random.below(4); times > 0; times--) {
    const at = SLOT * random.below(count);
    switch (random.below(8)) {
      case 0:
        result[at] = random.pick(FORMS).code;
        break;
      case 1:
        result[at + 1] = random.once(2) ? random.below(256) : random.below(11) | (random.below(11) << 4);
        break;
      case 2:
        view.setUint16(at + 2, random.word(view.getUint16(at + 2, true)) & 0xffff, true);
        break;
      case 3:
        view.setUint32(at + 4, random.word(view.getUint32(at + 4, true)), true);
        break;
      case 4:
        view.setUint32(at + 4, random.below(256), true);
        break;
      case 5:
        result.copyWithin(at, SLOT * random.below(count), SLOT * random.below(count));
        break;
      case 6: {
        const from = SLOT * random.below(other.length / SLOT);
        result.set(other.subarray(from, Math.min(from + result.length - at, other.length)), at);
        break;
      }
      default:
        if (random.once(8)) return result.slice(0, at);
    }
  }
  return result;
}

function damageMap(map: MapInfo, other: MapInfo, request: LoadRequest, random: Random): MapInfo {
  const size = () => random.word(map.valueSize);
  switch (random.below(12)) {
    case 0:
      return { ...map, type: random.once(4) ? random.word(map.type) : random.below(40) };
    case 1:
      return { ...map, keySize: size() };
    case 2:
      return { ...map, valueSize: size() };
    case 3:
      return { ...map, maxEntries: size(), flags: random.word(map.flags) };
    case 4:
      return { ...map, inner: random.below(request.maps.length + 2) };
    case 5:
      return { ...map, inner: random.word(0) };
    case 6:
      return { ...map, keyTypeId: random.word(map.keyTypeId), valueTypeId: random.word(map.valueTypeId) };
    case 7:
      return { ...map, valueTypeId: random.below(60) };
    case 8:
      return map.btf ? { ...map, btf: damageBtf(map.btf, random) } : { ...map, ...other };
    case 9:
      return {
        ...map,
        frozen: !map.frozen,
        data: new Uint8Array(random.below(64)),
        maxEntries: 1,
        flags: 128,
      };
    case 10:
      return { ...map, name: random.pick(LICENSES), extra: BigInt(random.word(0)) };
    default:
      return other;
  }
}

/** One entry changed, one gone, one twice, or all in another order. */
function damageList<T>(list: readonly T[], change: (item: T) => T, random: Random): T[] {
  const at = random.below(list.length);
  switch (random.below(5)) {
    case 0:
      return list.filter((_, i) => i !== at);
    case 1:
      return list.flatMap((item, i) => (i === at ? [item, item] : [item]));
    case 2:
      return [...list].reverse();
    default:
      return list.map((item, i) => (i === at ? change(item) : item));
  }
}

const DAMAGES: readonly Damage[] = [
  ({ insns }, other, random) => ({ insns: damageInsns(insns, other.insns, random) }),
  ({ insns }, other, random) => ({ insns: damageInsns(insns, other.insns, random) }),
  ({ insns }, other, random) => ({ insns: damageInsns(insns, other.insns, random) }),
  ({ progBtf }, _, random) => (progBtf ? { progBtf: damageBtf(progBtf, random) } : {}),
  (good, _, random) => sharedBtf(good, random),
  (good, _, random) => sharedBtf(good, random),
  ({ progBtf }, other, random) => {
    const btf = random.once(3) ? undefined : (other.progBtf ?? progBtf);
    return btf ? { progBtf: btf } : { funcInfo: [] };
  },
  ({ funcInfo }, _, random) => ({
    funcInfo: damageList(
      funcInfo,
      ({ insn, typeId }) =>
        random.once(2) ? { insn, typeId: random.word(typeId) } : { insn: random.word(insn), typeId },
      random,
    ),
  }),
  ({ lineInfo }, _, random) => ({
    lineInfo: damageList(
      lineInfo,
      (line) =>
        random.once(2)
          ? { ...line, insn: random.word(line.insn) }
          : { ...line, lineOffset: random.word(line.lineOffset), fileNameOffset: random.word(0) },
      random,
    ),
  }),
  ({ maps, ...rest }, other, random) => ({
    maps: damageList(maps, (map) => damageMap(map, other.maps[0] ?? map, { ...rest, maps }, random), random),
  }),
  (_, other) => ({ maps: other.maps }),
  ({ progType }, _, random) => ({ progType: random.once(8) ? random.word(progType) : random.below(36) }),
  (_, other) => ({
    progType: other.progType,
    expectedAttachType: other.expectedAttachType,
    attachBtfId: other.attachBtfId,
  }),
  (_, __, random) => ({ expectedAttachType: random.once(2) ? random.below(60) : random.word(0) }),
  (_, __, random) => ({ progFlags: random.once(2) ? random.below(512) : random.word(0) }),
  (_, __, random) => ({ license: random.pick(LICENSES), caps: random.below(16) }),
  (_, __, random) => ({ attachBtfId: random.once(2) ? random.below(110_000) : random.word(0) }),
  (_, __, random) => ({ attachBtf: random.pick(MODULES) }),
  (_, __, random) => ({
    kfuncBtfs: random.once(2) ? [] : [null, random.pick(MODULES), null],
    immBtfs: [random.pick(MODULES)],
  }),
  (_, __, random) => ({ targetProgType: random.below(40), progType: 28 }),
];

/** Damages the types of the program and of its maps alike, as one object's are. */
function sharedBtf({ progBtf, maps }: LoadRequest, random: Random): Partial<LoadRequest> {
  if (!progBtf) return {};
  const damaged = damageBtf(progBtf, random);
  return { progBtf: damaged, maps: maps.map((map) => (map.btf ? { ...map, btf: damaged } : map)) };
}

/** A damaged copy of a good request; `other` lends parts. */
export function damageRequest(good: LoadRequest, other: LoadRequest, random: Random): LoadRequest {
  let request: LoadRequest = { ...good, logLevel: random.once(4) ? random.below(16) : 4 };
  for (let times = random.once(3) ? 2 : 1; times > 0; times--) {
    request = { ...request, ...random.pick(DAMAGES)(request, other, random) };
  }
  return request;
}
