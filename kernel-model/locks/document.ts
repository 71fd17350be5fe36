/** The part of docs/locks.md that is made from the bundled scenes. */
import type { ParsedLockScene } from './parse.ts';
import { runLockScene, type SceneReport } from './report.ts';
import { explored, shownFindings } from './text.ts';
import { timeline } from './timeline.ts';

/** Scenes by heading, in the order of their numbers; what goes wrong before what repairs it. */
export function documentScenes(scenes: readonly ParsedLockScene[]): string {
  const groups = new Map<string, ParsedLockScene[]>();
  for (const scene of scenes.toSorted(byNumber)) {
    const { about = 'Other' } = scene.scene;
    groups.set(about, [...(groups.get(about) ?? []), scene]);
  }
  return [...groups]
    .map(([about, members]) => `## ${about}\n\n${members.map(section).join('\n')}`)
    .join('\n');
}

function byNumber(a: ParsedLockScene, b: ParsedLockScene): number {
  const key = ({ file, scene }: ParsedLockScene) =>
    `${subject(file)} ${scene.expect === 'none' ? 1 : 0} ${file}`;
  return key(a).localeCompare(key(b), 'en', { numeric: true });
}

/** "h11a-smaller-table-ESTALE.yaml" is about h11a. */
function subject(file: string): string {
  return file.split('-')[0] ?? file;
}

function section({ file, scene }: ParsedLockScene): string {
  const report = runLockScene(scene);
  const parts = [
    `### ${file.replace(/\.yaml$/, '')}`,
    (scene.description ?? '').trim(),
    summary(file, report),
  ];
  for (const finding of shownFindings(report))
    parts.push(`\`\`\`\n${finding.kind}: ${finding.message}\n\n${timeline(finding, report.actors)}\n\`\`\``);
  return `${parts.join('\n\n')}\n`;
}

function summary(file: string, report: SceneReport): string {
  const kinds = [...new Set(report.findings.map(({ kind }) => kind))];
  const found = kinds.length > 0 ? kinds.join(', ') : 'no error';
  const results = [...report.results]
    .filter(([, all]) => all.length > 0)
    .map(([actor, all]) => `${actor}: ${all.join('; ')}`);
  const gave =
    report.findings.length === 0 && results.length > 0 ? ` Calls gave: ${results.join('. ')}.` : '';
  return `[${file}](../programs/scenes/locks/${file}): **${found}**; ${explored(report)}.${gave}`;
}
