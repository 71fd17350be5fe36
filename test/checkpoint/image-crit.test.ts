/**
 * Against crit, CRIU's own tool: the table of messages is CRIU's, crit reads the images that are written here and
 * makes the same bytes of them again, and the JSON is the same text.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FieldCodec } from '../../checkpoint/image/descriptor.ts';
import { ENUMS } from '../../checkpoint/image/enums.ts';
import { type Image, imageFromJson, imageToJson, readJson, writeJson } from '../../checkpoint/image/index.ts';
import { COMMON_MAGIC, type ImageKind, KIND_NAMES, kindDef } from '../../checkpoint/image/kinds.ts';
import { fieldsOf } from '../../checkpoint/image/messages.ts';
import type { Show } from '../../checkpoint/image/schema.ts';
import { FLAGS } from '../../checkpoint/image/show.ts';
import { type CritTables, crit, critAnswers, critProgram, critTables, nameInCrit, renamed } from './crit.ts';
import { bytesOf, imageOf, type Limits, MESSAGE_NAMES } from './image-support.ts';

const SEED = 31197;
const tables: CritTables | undefined = critProgram === undefined ? undefined : critTables();

/** How the table says that a field is shown, in the words of crit's options. */
function critShow(show: Show): Record<string, boolean | string> {
  return {
    ...(show.hex && { hex: true }),
    ...(show.flags !== undefined && { flags: show.flags }),
    ...(show.dict !== undefined && { dict: show.dict }),
    ...((show.device || show.oldDevice) && { dev: true }),
    ...(show.oldDevice && { odev: true }),
    ...(show.address && { ipadd: true }),
    ...(show.text && { conv: 'unix_name' }),
  };
}

/** Bits that have a name here, but not yet in this crit: both show and read them, as different texts. */
function unnamedBits(map: string): number {
  const known = Object.values(tables?.flags[map] ?? {});
  const named = FLAGS.get(map) ?? [];
  return named.map(([, bit]) => Number(bit)).reduce((all, bit) => (known.includes(bit) ? all : all | bit), 0);
}

/** Values that crit cannot show, or shows so that it does not read the same again. */
function forCrit(field: FieldCodec, value: unknown): unknown {
  if (field.show.address && Array.isArray(value)) return value.length === 4 ? value : value.slice(0, 1);
  if (field.show.text && value instanceof Uint8Array) {
    return value.filter((byte) => byte !== 0x0a && byte !== 0x0d);
  }
  if (field.show.flags === undefined || typeof value !== 'number') return value;
  return (value & ~unnamedBits(field.show.flags)) >>> 0;
}

const limits: Limits = {
  field: (message, { desc }) =>
    tables?.messages[message]?.some((field) => field.number === desc.number) ?? false,
  enumValue: (type, value) => Object.hasOwn(tables?.enums[type] ?? {}, value),
  adapt: forCrit,
};

const KINDS_OF_CRIT = KIND_NAMES.filter((kind) => tables?.handled.includes(kind));
const MESSAGES_OF_CRIT = MESSAGE_NAMES.filter((name) => tables?.messages[name] !== undefined);

describe(`the table of messages against crit${tables ? '' : ' (skipped: no crit)'}`, () => {
  it.runIf(tables)('says the same of the messages that both have', () => {
    expect(MESSAGES_OF_CRIT.length).toBeGreaterThan(50);
    for (const name of MESSAGES_OF_CRIT) {
      const own = Object.entries(fieldsOf(name));
      for (const field of tables?.messages[name] ?? []) {
        const found = own.find(([, { number }]) => number === field.number);
        if (!found) {
          // A sub-message for a kind of file, or for a processor, that has no place here.
          expect(field.label, `${name}.${field.name}`).toBe('optional');
          continue;
        }
        const [ownName, { label, type, show }] = found;
        expect({ name: nameInCrit(tables, name, ownName), label, type, show: critShow(show) }, name).toEqual({
          name: field.name,
          label: field.label,
          type: field.type,
          show: field.show,
        });
      }
    }
  });

  it.runIf(tables)('adds optional fields only', () => {
    for (const name of MESSAGES_OF_CRIT) {
      const known = new Set(tables?.messages[name]?.map(({ number }) => number));
      for (const [field, { number, label }] of Object.entries(fieldsOf(name))) {
        if (!known.has(number)) expect(label, `${name}.${field}`).not.toBe('required');
      }
    }
  });

  it.runIf(tables)('has the same enums and magics', () => {
    for (const [name, values] of Object.entries(ENUMS)) {
      const theirs = tables?.enums[name];
      if (theirs) expect(values).toMatchObject(theirs);
    }
    expect(COMMON_MAGIC).toBe(tables?.magics.IMG_COMMON);
    for (const kind of KINDS_OF_CRIT) expect(kindDef(kind).magic, kind).toBe(tables?.magics[kind]);
    const own = KIND_NAMES.filter((kind) => !KINDS_OF_CRIT.includes(kind));
    expect(own).toEqual(['IO_URING', 'IO_URING_DATA', 'IO_URING_TASK', 'DRYDOCK', 'DRYDOCK_CONTENTS']);
    const taken = Object.values(tables?.magics ?? {});
    for (const kind of own) expect(taken).not.toContain(kindDef(kind).magic);
  });
});

/** The same images in every run. */
function samples(kind: ImageKind): Image[] {
  return fc.sample(imageOf(kind, limits), { seed: SEED, numRuns: 60 });
}

describe(`images and crit${tables ? '' : ' (skipped: no crit)'}`, () => {
  it.runIf(tables).each(tables ? KINDS_OF_CRIT : [])(
    '%s: the same JSON text, and the same bytes again',
    (kind) => {
      const cases = samples(kind).flatMap((image) =>
        [false, true].map((pretty) => ({
          image,
          pretty,
          bytes: bytesOf(image),
          json: writeJson(imageToJson(image, { pretty }), pretty ? 4 : 0),
        })),
      );
      const answers = critAnswers(
        cases.map(({ bytes, pretty, json }) => ({ image: bytes, pretty, json: renamed(tables, json) })),
      );
      expect(answers).toHaveLength(cases.length);
      for (const [index, { bytes, json }] of cases.entries()) {
        const answer = answers[index];
        expect(answer?.json).toBe(renamed(tables, json));
        expect(Buffer.from(answer?.image ?? []).equals(bytes)).toBe(true);
        expect(Buffer.from(bytesOf(imageFromJson(readJson(json)))).equals(bytes)).toBe(true);
      }
    },
  );

  it.runIf(tables)('its command decodes and encodes them', () => {
    const folder = mkdtempSync(join(tmpdir(), 'drydock-crit-'));
    try {
      for (const kind of ['CORE', 'FILES', 'MM', 'PIPES_DATA', 'GHOST_FILE'] as const) {
        const image = samples(kind).find(({ entries }) => entries.length > 0) as Image;
        const [given, text, made] = ['a.img', 'a.json', 'b.img'].map((name) => join(folder, name)) as [
          string,
          string,
          string,
        ];
        writeFileSync(given, bytesOf(image));
        for (const pretty of [false, true]) {
          const shown = crit('decode', '-i', given, ...(pretty ? ['--pretty'] : []));
          expect(shown).toBe(`${writeJson(imageToJson(image, { pretty }), pretty ? 4 : 0)}\n`);
          writeFileSync(text, shown);
          crit('encode', '-i', text, '-o', made);
          expect(readFileSync(made).equals(readFileSync(given))).toBe(true);
        }
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
