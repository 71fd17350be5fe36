/** What is verified, loaded for a kernel: programs and the requests that their loading makes. */
import { assembledRequest, disassembleToAssembly, parseAssembly } from '../../assembly/index.ts';
import type { BpfObject } from '../../loader/index.ts';
import { loadObject } from '../../loader/index.ts';
import { examine, examineRequest, type Report, requestOf } from '../../verifier/examine.ts';
import type { LoadRequest } from '../../verifier/load-request.ts';
import { Cap, LogLevel } from '../../verifier/types.ts';
import type { Bench } from '../kernel/bench.ts';
import { fetchBytes, fetchText, site } from '../kernel/site.ts';
import type { Subject } from '../state.ts';

/** Every path: what the page shows is what it is asked for. */
const LOG_LEVEL = LogLevel.Full | LogLevel.Stats;
const ASSEMBLY_FILE = 'assembly';

export interface Candidate {
  readonly name: string;
  readonly section: string;
  /** Verifies it, with the diagnosis of a rejection. */
  examine(): Pick<Report, 'verdict' | 'refusal' | 'diagnosis'>;
  /** Undefined when the loader has refused it. */
  request(): LoadRequest | undefined;
  /** It as assembly, to go on with. */
  assembly(): string;
  /** Line of the source, from 1, that a slot was written on, where no line info says so. */
  readonly lineOfSlot?: readonly number[];
}

export interface LoadedSubject {
  readonly file: string;
  readonly programs: readonly Candidate[];
  /** The text that it was made of, where there is one. */
  readonly source: { readonly file: string; readonly text: string } | undefined;
}

export async function loadSubject(
  subject: Subject,
  bench: Bench,
  unprivileged: boolean,
): Promise<LoadedSubject> {
  if (subject.kind === 'assembly') return loadAssembly(subject.text, bench, unprivileged);
  const { bytes, source } = await objectOf(subject);
  const object = loadObject(bytes, { ...bench.options, file: subject.file, programs: 'all' });
  return { file: subject.file, source, programs: candidates(object, subject.file, bench, unprivileged) };
}

type ObjectSubject = Exclude<Subject, { kind: 'assembly' }>;

/** The object's bytes, and its source where the site has it. */
export async function objectOf(
  subject: ObjectSubject,
): Promise<{ bytes: Uint8Array<ArrayBuffer>; source: LoadedSubject['source'] }> {
  if (subject.kind === 'object') return { bytes: subject.bytes, source: undefined };
  const example = (await site()).examples.find(({ file }) => file === subject.file);
  const [bytes, text] = await Promise.all([
    fetchBytes(`examples/${subject.file}`),
    example && fetchText(`examples/${example.source}`),
  ]);
  return { bytes, source: example && text !== undefined ? { file: example.source, text } : undefined };
}

function candidates(object: BpfObject, path: string, bench: Bench, unpriv: boolean): Candidate[] {
  const { verifier } = bench;
  return object.programs.map((program) => {
    const subject = { path, object, program };
    const options = { unpriv, log: LOG_LEVEL };
    return {
      name: program.name,
      section: program.section,
      examine: () => examine({ verifier }, subject, { unpriv }),
      request: () =>
        program.error === undefined && program.prepared
          ? requestOf({ verifier }, subject, options)
          : undefined,
      assembly: () => disassembleToAssembly(object, program),
    };
  });
}

/** @throws {AssemblyFailure} */
function loadAssembly(text: string, { verifier, options }: Bench, unprivileged: boolean): LoadedSubject {
  const source = parseAssembly(text);
  const caps = unprivileged ? 0 : Cap.All;
  const request = assembledRequest(source, {
    caps,
    logLevel: LOG_LEVEL,
    kernel: options,
  });
  return {
    file: ASSEMBLY_FILE,
    source: { file: ASSEMBLY_FILE, text },
    programs: [
      {
        name: 'program',
        section: source.section?.name ?? '',
        lineOfSlot: source.lineOfSlot,
        examine: () => examineRequest(verifier, { ...request, logLevel: LogLevel.Stats }),
        request: () => request,
        assembly: () => text,
      },
    ],
  };
}
