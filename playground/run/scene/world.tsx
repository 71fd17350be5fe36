/** What the scene has come to: tasks with what they have open and mapped, epoll instances, held locks. */
import type { JSX } from 'preact';
import type { TaskView } from '../../../session/debugger/scene-overview.ts';
import { mappingText } from '../panes/buffer-strip.ts';
import { overview } from '../state.ts';

export function World(): JSX.Element {
  const { tasks = [], rings = [], epolls = [], locks = [] } = overview.value ?? {};
  return (
    <div class="run-world">
      <Facts title="Locks held" of={locks.map(({ lock, by }) => `${lock}, by ${by}`)} none="none" />
      {tasks.map((task) => (
        <Task key={task.pid} of={task} />
      ))}
      {rings
        .filter(({ files }) => files.length > 0)
        .map(({ label, files }) => (
          <Facts
            key={label}
            title={`Registered files of ${label}`}
            of={files.map((file, slot) => `${slot}: ${file ?? 'empty'}`)}
          />
        ))}
      {epolls.map(({ label, items }) => (
        <Facts
          key={label}
          title={label}
          of={items.map(({ fd, path, events }) => `${fd}: ${path}, events 0x${events.toString(16)}`)}
        />
      ))}
    </div>
  );
}

function Task({ of }: { of: TaskView }): JSX.Element {
  const { pid, tgid, comm, files, mappings } = of;
  if (pid !== tgid) return <Facts title={`Thread ${pid} (${comm}) of ${tgid}`} of={[]} />;
  return (
    <>
      <Facts title={`Task ${pid} (${comm})`} of={files.map(({ fd, path }) => `${fd}: ${path}`)} />
      {mappings.length > 0 && <Facts title={`Mappings of task ${pid}`} of={mappings.map(mappingText)} />}
    </>
  );
}

function Facts({
  title,
  of,
  none = '',
}: {
  title: string;
  of: readonly string[];
  none?: string;
}): JSX.Element {
  if (of.length === 0) {
    return (
      <p>
        {title}
        {none && <span class="muted"> {none}</span>}
      </p>
    );
  }
  return (
    <details open={of.length < 12}>
      <summary>
        {title} <span class="badge">{of.length}</span>
      </summary>
      <ul class="mono">
        {of.map((each, index) => (
          <li key={index}>{each}</li>
        ))}
      </ul>
    </details>
  );
}
