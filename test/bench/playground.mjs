// The playground: how fast a long verification is gone through, step by step, and what that takes of memory.
// In Node: any step from the index, against telling the stream from its beginning. In Chromium, where it is at hand:
// from the slider's move to the state that is shown, over the whole verification of dump_bvec (176,214 instructions).
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { loadObject } from '../../dist/loader/index.js';
import { readEvents } from '../../dist/verifier/event-reader.js';
import { requestOf } from '../../dist/verifier/examine.js';
import { verifierLoadOptions } from '../../dist/verifier/load-options-node.js';
import { createVerifier } from '../../dist/verifier/node.js';
import { Trace } from '../../dist/verifier/trace/trace.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAM = 'programs/bvec/bvec.bpf.o';
const EXAMPLE = 'bvec-bvec.bpf.o';
const POINTS = 200;
const MIB = 1 << 20;

await inNode();
const browser = chromiumPath();
if (browser) await inChromium(browser);
else console.log('no Chromium: the page itself was not measured');

async function inNode() {
  const verifier = await createVerifier('6.12');
  const object = loadObject(readFileSync(join(ROOT, PROGRAM)), {
    ...verifierLoadOptions('6.12'),
    file: PROGRAM,
    programs: 'all',
  });
  const [program] = object.programs;
  const request = requestOf({ verifier }, { path: PROGRAM, object, program }, { log: 2 });
  const verified = timed(() => verifier.verify({ ...request, events: 'all' }));
  const { events, stats } = verified.value;
  const indexed = timed(() => new Trace(events, request.insns.length / 8));
  const trace = indexed.value;
  console.log(
    `${program.name}: ${stats.insnsProcessed} instructions, ${trace.steps} steps, ${mib(events.bytes.length)} of events`,
  );
  console.log(`verified with events in ${ms(verified)}, indexed in ${ms(indexed)}`);
  const steps = pointsOf(trace.steps);
  const fromIndex = steps.map((step) => timed(() => trace.stateAt(step)).milliseconds);
  const whole = timed(() => {
    for (const _ of readEvents(events.bytes));
  });
  console.log(`a step from the index: ${spread(fromIndex)}`);
  console.log(
    `the whole stream told: ${ms(whole)}, ${(whole.milliseconds / median(fromIndex)).toFixed(0)} times as long`,
  );
}

async function inChromium(executablePath) {
  const server = spawn(process.execPath, [join(ROOT, 'dist/cli/main.js'), 'playground', '--port', '0']);
  const url = await new Promise((resolve) =>
    server.stdout.once('data', (text) => resolve(String(text).trim())),
  );
  const running = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  try {
    const page = await running.newPage({ viewport: { width: 1440, height: 900 } });
    await page.goto(url);
    await page.locator('#state').waitFor();
    const begin = performance.now();
    await page.selectOption('#example', EXAMPLE);
    await page
      .locator('#step')
      .filter({ hasText: /of \d{6}/ })
      .waitFor();
    console.log(
      `Chromium: verified and ready to be gone through in ${(performance.now() - begin).toFixed(0)} ms`,
    );
    const times = await page.evaluate(scrub, POINTS);
    console.log(`a step, from the slider to the state on the page: ${spread(times)}`);
    console.log(`memory of the page's process, its workers included: ${await memoryOf(running)}`);
  } finally {
    await running.close();
    server.kill();
  }
}

/** In the page: goes through the verification from its beginning to its end, and waits for each state. */
async function scrub(points) {
  const slider = document.querySelector('.step-bar input[type=range]');
  const last = Number(slider.max);
  const times = [];
  for (let i = 0; i < points; i++) {
    const step = Math.floor((last * i) / (points - 1));
    const begin = performance.now();
    slider.value = String(step);
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    while (document.querySelector('#state')?.dataset.step !== String(step + 1))
      await new Promise((resolve) => setTimeout(resolve, 0));
    times.push(performance.now() - begin);
  }
  return times;
}

/** Of the largest renderer, as the system counts it. */
async function memoryOf(running) {
  const session = await running.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  const sizes = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => residentKib(id));
  const largest = Math.max(...sizes);
  return Number.isFinite(largest) ? mib(largest * 1024) : 'not known on this system';
}

function residentKib(pid) {
  try {
    return Number(/VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  } catch {
    return Number.NaN;
  }
}

function chromiumPath() {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const named = folders.flatMap((folder) =>
    ['chromium', 'chromium-browser'].map((name) => join(folder, name)),
  );
  return [process.env.CHROMIUM ?? '', ...named].find((path) => path !== '' && existsSync(path));
}

function pointsOf(steps) {
  return Array.from({ length: POINTS }, (_, i) => Math.floor(((steps - 1) * i) / (POINTS - 1)));
}

function timed(work) {
  const begin = performance.now();
  const value = work();
  return { value, milliseconds: performance.now() - begin };
}

function median(times) {
  return [...times].sort((a, b) => a - b)[times.length >> 1];
}

function spread(times) {
  const worst = Math.max(...times);
  return `median ${median(times).toFixed(2)} ms, worst of ${times.length} ${worst.toFixed(1)} ms`;
}

function ms({ milliseconds }) {
  return `${milliseconds.toFixed(0)} ms`;
}

function mib(bytes) {
  return `${(bytes / MIB).toFixed(0)} MiB`;
}
