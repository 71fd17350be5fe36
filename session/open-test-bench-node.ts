/** Opens what test runs need for a kernel on disk. */
import { DEFAULT_KERNEL } from '../kernel-model/profile-node.ts';
import { type ObjectFormats, withFormats } from '../verifier/load-options.ts';
import { verifierLoadOptions } from '../verifier/load-options-node.ts';
import { createVerifier } from '../verifier/node.ts';
import { openSession, readScene } from './open-session-node.ts';
import { TestBench } from './test-bench.ts';

/** @throws {InputError} for a kernel without the verifier's tables. */
export async function openTestBench(
  kernel?: string,
  scene?: string,
  formats: ObjectFormats = {},
): Promise<TestBench> {
  const parsed = await readScene(scene);
  const name = kernel ?? parsed.scene.kernel ?? DEFAULT_KERNEL;
  const verifier = await createVerifier(name);
  return new TestBench(
    await openSession(parsed, name),
    verifier,
    withFormats(verifierLoadOptions(name), formats),
  );
}
