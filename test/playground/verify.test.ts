/** The verifier's view. Needs `npm run build`, and Chromium; skipped without. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { describeSite, object, ROOT, type Visit } from './site.ts';

/** The BTF of 6.12 in which task_struct has `pid` somewhere else. Offsets in bytes. */
function movedPid(from: number, to: number): Buffer {
  const btf = gunzipSync(readFileSync(join(ROOT, 'kernel-model/profiles/6.12/btf.bin.gz')));
  const strings = btf.readUInt32LE(4) + btf.readUInt32LE(16);
  const name = btf.indexOf('\0pid\0', strings) + 1 - strings;
  for (let at = btf.readUInt32LE(4); at < strings; at += 4) {
    // A member: name, type, offset in bits.
    if (btf.readUInt32LE(at) !== name || btf.readUInt32LE(at + 8) !== from * 8) continue;
    btf.writeUInt32LE(to * 8, at + 8);
    return btf;
  }
  throw new Error('task_struct has no pid there');
}

describeSite("the verifier's view", (site) => {
  const stateAt = (visit: Visit, step: number) =>
    visit.page.locator(`#state[data-step="${step}"]`).waitFor({ timeout: 60_000 });

  it('verifies an example, and says why a program is rejected and where it comes from', async () => {
    const visit = await site().visit();
    const { page } = visit;
    await page.selectOption('#example', 'rejected-bounds.bpf.o');
    await visit.status(/rejected-bounds\.bpf\.o: 0 of 24 programs accepted/);
    await page.selectOption('#program', 'stack_past_end');
    await visit.text('.why .message', /invalid write to stack/);
    await visit.text('.why', /bounds\.bpf\.c/);
    await visit.text('.log-pane .line', /processed \d+ insns/);
    await page.selectOption('#program', 'map_value_index_unbounded');
    await visit.text('.why h3', /Where it comes from/);
    // The first cause is a step of the verification, which a click shows.
    await page.locator('.history button:not(:disabled)').first().click();
    await page.locator('.insn-pane .line.selected.cause').waitFor();
    expect(await page.locator('.insn-pane .line.failed').count()).toBe(1);
  });

  it('steps forwards and backwards: registers, instruction, source and log go along', async () => {
    const visit = await site().visit();
    const { page } = visit;
    await page.selectOption('#example', 'task-task.bpf.o');
    await visit.status(/1 of 1 programs accepted/);
    await stateAt(visit, 1);
    expect(await page.textContent('#state')).toMatch(/R1.*ctx\(\)/);
    await visit.button('Step').click();
    await stateAt(visit, 2);
    await page.keyboard.press('ArrowRight');
    await stateAt(visit, 3);
    const third = await page.textContent('#state');
    expect(await page.locator('.log-pane .line.selected').textContent()).toMatch(/^2: \(/);
    expect(await page.locator('.insn-pane .line.selected').textContent()).toMatch(/2/);
    expect(await page.locator('.source-pane .line.selected').count()).toBe(1);
    await visit.button('Last step').click();
    await stateAt(visit, 72);
    await visit.button('Step back').click();
    await stateAt(visit, 71);
    await page.getByRole('slider', { name: 'Step' }).fill('2');
    await stateAt(visit, 3);
    expect(await page.textContent('#state')).toBe(third);
    await page.keyboard.press('Tab');
    await visit.button('Step back').click();
    await stateAt(visit, 2);
    await visit.button('First step').click();
    await stateAt(visit, 1);
  });

  it('leads from a value to the step that gave it', async () => {
    const visit = await site().visit();
    const { page } = visit;
    await page.selectOption('#example', 'rejected-null.bpf.o');
    await stateAt(visit, 2);
    await visit.button('R2').click();
    expect(await page.textContent('.detail')).toMatch(/unsigned/);
    await visit.button(/Where does R2 come from/).click();
    await stateAt(visit, 1);
  });

  it('shows paths, and how they ended', async () => {
    const visit = await site().visit();
    const { page } = visit;
    await page.selectOption('#example', 'task_vma-task_vma.bpf.o');
    await visit.status(/1 of 1/);
    await visit.text('#verdict', /147 insns, 9 states, stack 296/);
    await visit.text('.paths-pane .line', /exit/);
    await visit.text('.paths-pane .line', /covered by step \d+/);
    await page.locator('.paths-pane .line', { hasText: 'covered' }).first().click();
    await visit.button('End of this path').click();
    await visit.text('.events', /the path ends: state \d+, kept at \d+, covers this one/);
    await visit.button('why').first().click();
    await visit.text('.coverage', /R10.*the same/);
    await page.locator('.events .event.pruned button').first().click();
    await visit.text('.paths-pane .line.selected', /steps/);
  });

  it('searches instructions and log, and goes where a line is clicked', async () => {
    const visit = await site().visit();
    const { page } = visit;
    await page.selectOption('#example', 'task_vma-task_vma.bpf.o');
    await stateAt(visit, 1);
    const search = page.getByRole('searchbox', { name: 'Search the log' });
    await search.fill('seq_write');
    await search.press('Enter');
    await visit.text('.log-pane .line.found', /seq_write/);
    await page.locator('.log-pane .line.found').click();
    await visit.text('.insn-pane .line.selected', /seq_write/);
    await search.fill('no such text');
    await search.press('Enter');
    await page.locator('.log-pane .search.missing').waitFor();
    const insns = page.getByRole('searchbox', { name: 'Search the instructions' });
    await insns.fill('exit');
    await insns.press('Enter');
    await page.locator('.insn-pane .line.found').click();
    await visit.text('.log-pane .line.selected', /exit/);
  });

  it('takes an object of the user, chosen or dropped', async () => {
    const visit = await site().visit();
    const { page } = visit;
    await visit.put('mine.bpf.o', object('task_vma/task_vma.bpf.o'));
    await visit.status(/mine\.bpf\.o: 1 of 1 programs accepted/);
    await visit.text('.source-pane h2', /task_vma\.bpf\.c/);
    const bytes = object('rejected/flow.bpf.o').toString('base64');
    const transfer = await page.evaluateHandle((base64: string) => {
      const data = new DataTransfer();
      const content = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
      data.items.add(new File([content], 'dropped.bpf.o'));
      return data;
    }, bytes);
    await page.dispatchEvent('body', 'drop', { dataTransfer: transfer });
    await visit.status(/dropped\.bpf\.o: 0 of \d+ programs accepted/);
  });

  it('verifies again for another mode, and with the series', async () => {
    const visit = await site().visit();
    const { page } = visit;
    await visit.put('mine.bpf.o', object('io_uring_buf/io_uring_buf.bpf.o'));
    await visit.status(/mine\.bpf\.o: 0 of 1/);
    await page.check('#series');
    await visit.status(/mine\.bpf\.o: 1 of 1/);
    await page.check('#unprivileged');
    await visit.status(/mine\.bpf\.o: 0 of 1/);
    await visit.text('#verdict', /EPERM/);
  });

  it('takes the types of a dropped vmlinux', async () => {
    const visit = await site().visit();
    const { page } = visit;
    await visit.text('.insn-pane .line', /r2 = \*\(u32 \*\)\(r2 \+2432\)/);
    await visit.put('vmlinux', movedPid(2432, 2440));
    await page.getByRole('button', { name: /types of vmlinux/ }).waitFor();
    await visit.text('.insn-pane .line', /r2 = \*\(u32 \*\)\(r2 \+2440\)/);
    await page.getByRole('button', { name: /types of vmlinux/ }).click();
    await visit.text('.insn-pane .line', /r2 = \*\(u32 \*\)\(r2 \+2432\)/);
    await visit.put('vmlinux-6.1', readFileSync(join(ROOT, 'kernel-model/profiles/6.1/btf.bin.gz')));
    await visit.alert(/vmlinux-6\.1: its types do not fit the tables of Linux 6\.12/);
    await page.getByRole('button', { name: /types of vmlinux/ }).click();
    await visit.put('broken.btf', Buffer.from([0x9f, 0xeb, 1, 0, 24, 0, 0, 0, 1, 2, 3]));
    await visit.alert(/broken\.btf/);
  });

  it('tells what is wrong with what is no object, and goes on', async () => {
    const visit = await site().visit();
    await visit.put('bad.o', Buffer.from('no object'));
    await visit.alert(/bad\.o/);
    const whole = object('task/task.bpf.o');
    await visit.put('cut.o', whole.subarray(0, whole.length - 700));
    await visit.alert(/cut\.o/);
    const hostile = Buffer.from(whole);
    // Section headers far outside of the file.
    hostile.writeBigUInt64LE(0xffff_ffff_ffffn, 40);
    await visit.put('hostile.o', hostile);
    await visit.alert(/hostile\.o.*offset/);
    await visit.put('good.o', whole);
    await visit.status(/good\.o: 1 of 1/);
    expect(await visit.page.getByRole('alert').count()).toBe(0);
  });

  it('takes no name of an object for markup', async () => {
    const visit = await site().visit();
    await visit.put('<img src=x onerror=alert(1)>.o', object('task/task.bpf.o'));
    await visit.status(/img src/);
    expect(await visit.page.locator('img').count()).toBe(0);
  });

  it('goes on with something else while a million instructions are verified', async () => {
    const visit = await site().visit();
    const { page } = visit;
    await page.selectOption('#example', 'rejected-complexity.bpf.o');
    await visit.status(/[Vv]erifying/);
    await page.selectOption('#example', 'task-task.bpf.o');
    await visit.status(/task-task\.bpf\.o: 1 of 1/);
  });
});
