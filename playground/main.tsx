/** Starts the page. */
import { render } from 'preact';
import { App } from './app.tsx';
import { listenForDrops } from './input/open-files.ts';
import { site as loadSite } from './kernel/site.ts';
import { watchCourse } from './learn/course.ts';
import { keepSite } from './offline/offline-mark.tsx';
import { listenForLinks, openLink } from './share/open-link.ts';
import { watchReport } from './share/report-file.ts';
import { chooseExample, fail, notice, site, subject } from './state.ts';
import { watchLog } from './verify/log-comparison.tsx';
import { watchSubject } from './verify/state.ts';
import './style/tokens.css';
import './style/base.css';
import './style/parts.css';

async function begin(): Promise<void> {
  site.value = await loadSite();
  const [first] = site.value.examples;
  await openLink(() => {
    if (subject.value || !first) return;
    // Something may have been dropped meanwhile that could not be opened.
    const said = notice.value;
    chooseExample(first.file);
    notice.value = said;
  });
}

render(<App />, document.getElementById('app') as HTMLElement);
listenForDrops();
watchSubject();
watchLog();
watchReport();
watchCourse();
listenForLinks();
begin().catch(fail).then(keepSite);
