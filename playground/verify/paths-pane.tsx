/** The paths that were followed, as a tree, with how each of them ended. */
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { PathEnd, type Paths } from '../../verifier/trace/paths.ts';
import { LineList } from '../ui/line-list.tsx';
import { Pane } from '../ui/pane.tsx';
import { goTo, report, stepView, trace } from './state.ts';

/** Deeper branches are drawn no deeper: they would leave the pane. */
const MOST_DEPTH = 24;

export function PathsPane(): JSX.Element {
  const summary = trace.value;
  const current = stepView.value?.path ?? -1;
  const ancestors = useMemo(
    () => (summary ? ancestorsOf(summary.paths, current) : new Set()),
    [summary, current],
  );
  if (!summary) return <Pane title="Paths">{null}</Pane>;
  const { paths } = summary;
  return (
    <Pane title={`Paths: ${paths.count}`} class="paths-pane">
      <LineList
        label="Paths"
        count={paths.count}
        selected={current}
        onSelect={(path) => goTo(paths.first[path] ?? 0)}
        className={(path) => (ancestors.has(path) ? 'ancestor' : '')}
        render={(path) => <Path paths={paths} path={path} />}
      />
    </Pane>
  );
}

function Path({ paths, path }: { paths: Paths; path: number }): JSX.Element {
  const first = paths.first[path] ?? 0;
  const last = paths.last[path] ?? 0;
  const depth = Math.min(paths.depth[path] ?? 0, MOST_DEPTH);
  const steps = last - first;
  const [tone, text] = endOf(paths, path);
  return (
    <>
      <span class="path-indent" style={{ width: `${depth * 10}px` }} />
      <span class={`badge ${tone}`}>{text}</span> {path + 1}: steps {first + 1}–{Math.max(first + 1, last)}
      <span class="muted">
        {' '}
        ({steps} {steps === 1 ? 'instruction' : 'instructions'})
      </span>
    </>
  );
}

function endOf(paths: Paths, path: number): [tone: string, text: string] {
  switch (paths.end[path]) {
    case PathEnd.Exit:
      return ['good', 'exit'];
    case PathEnd.Pruned: {
      const kept = paths.keptAt[paths.covered[path] ?? -1] ?? -1;
      return ['warn', kept < 0 ? 'covered' : `covered by step ${kept + 1}`];
    }
    default:
      return report.value?.verdict === 'rejected' && path === paths.count - 1
        ? ['bad', 'rejected']
        : ['', 'ends'];
  }
}

function ancestorsOf(paths: Paths, path: number): Set<number> {
  const ancestors = new Set<number>();
  for (let at = paths.parent[path] ?? -1; at >= 0; at = paths.parent[at] ?? -1) ancestors.add(at);
  return ancestors;
}
