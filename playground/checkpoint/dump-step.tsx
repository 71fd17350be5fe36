/** What was dumped: tasks, rings, files, mappings. */
import type { ComponentChildren, JSX } from 'preact';
import { Pane } from '../ui/pane.tsx';
import type { Trip } from './protocol.ts';

export function DumpStep({ trip: { dumped, kernel } }: { trip: Trip }): JSX.Element {
  const { tasks, rings, files, mappings } = dumped;
  return (
    <Pane title={`What was dumped on Linux ${kernel}`} class="dump-pane">
      <Section title="Tasks">
        <Table columns={['tid', 'name', 'parent', 'user', 'descriptors']}>
          {tasks.map(({ tid, tgid, comm, parent, uid, descriptors }) => (
            <tr key={tid}>
              <td>
                {tid}
                {tgid === tid ? '' : ` of ${tgid}`}
              </td>
              <td>{comm}</td>
              <td>{parent}</td>
              <td>{uid}</td>
              <td>{descriptors}</td>
            </tr>
          ))}
        </Table>
      </Section>
      {rings.length > 0 && (
        <Section title="Rings">
          <Table columns={['file', 'entries', 'flags', 'holds']}>
            {rings.map(({ file, sqEntries, cqEntries, flags, holds }) => (
              <tr key={file}>
                <td>{file}</td>
                <td>
                  {sqEntries} / {cqEntries}
                </td>
                <td>{flags.join(' ') || '–'}</td>
                <td class="words">{holds.join(', ') || 'nothing'}</td>
              </tr>
            ))}
          </Table>
        </Section>
      )}
      <Section title="Files">
        <Table columns={['file', 'kind', 'path', 'descriptors']}>
          {files.map(({ id, kind, path, descriptors }) => (
            <tr key={id}>
              <td>{id}</td>
              <td>{kind}</td>
              <td>{path}</td>
              <td>{descriptors.join('; ') || '–'}</td>
            </tr>
          ))}
        </Table>
      </Section>
      <Section title="Mappings">
        <Table columns={['memory', 'addresses', 'access', 'of', 'pages of its own']}>
          {mappings.map(({ mm, range, access, backing, pages }) => (
            <tr key={`${mm} ${range}`}>
              <td>{mm}</td>
              <td>{range}</td>
              <td>{access}</td>
              <td>{backing}</td>
              <td>{pages}</td>
            </tr>
          ))}
        </Table>
      </Section>
    </Pane>
  );
}

function Section({ title, children }: { title: string; children: ComponentChildren }): JSX.Element {
  return (
    <section class="dumped" aria-label={title}>
      <h3>{title}</h3>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard */}
      <section class="dumped-table" tabIndex={0} aria-label={`${title}, as a table`}>
        {children}
      </section>
    </section>
  );
}

function Table({
  columns,
  children,
}: {
  columns: readonly string[];
  children: ComponentChildren;
}): JSX.Element {
  return (
    <table>
      <thead>
        <tr>
          {columns.map((column) => (
            <th key={column} scope="col">
              {column}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  );
}
