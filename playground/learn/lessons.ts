/** The lessons, in the order in which they build on each other. */
import { chooseScene } from '../locks/state.ts';
import { chooseExample, fail, kernel, series, subject, unprivileged, view, vmlinux } from '../state.ts';
import { openAt, report } from '../verify/state.ts';
import type { Lesson } from './lesson.ts';
import { LEAK, LOOP, NULL_CHECK, PACKET, RANGES } from './programs.ts';
import * as sights from './sights.ts';

/** All lessons begin with the same kernel, whatever was chosen before. */
function plain(): void {
  kernel.value = '6.12';
  unprivileged.value = false;
  vmlinux.value = undefined;
}

function write(text: string): void {
  plain();
  series.value = false;
  subject.value = { kind: 'assembly', text };
  view.value = 'verify';
}

function show(file: string, where: 'verify' | 'run'): void {
  plain();
  if (where === 'verify') openAt({ step: 0 });
  chooseExample(file);
  view.value = where;
}

export const LESSONS: readonly Lesson[] = [
  {
    id: 'null',
    title: 'Why a NULL check',
    about: 'A lookup may find nothing. The verifier remembers that until you look.',
    begin: () => write(NULL_CHECK),
    steps: [
      {
        text: 'The program is rejected: `R0 invalid mem access`. Go to the step just before `call bpf_map_lookup_elem`.',
        hint: 'Click on the line of the call in "Instructions", or step back with the left arrow key.',
        isDone: () => sights.isBefore('call bpf_map_lookup_elem'),
      },
      {
        text: 'Go one step further and look at `R0`: it is `map_value_or_null`, a pointer or nothing.',
        hint: 'The right arrow key, or the button with the triangle.',
        isDone: () => sights.knownOf('R0').startsWith('map_value_or_null'),
      },
      {
        text: 'Repair it: write `if r0 == 0 goto out` in the line behind the call. The program has to be accepted.',
        hint: 'The editor verifies while you write. The label `out` is there already.',
        isDone: sights.isAccepted,
      },
      {
        text: 'Now go to the step before `lock *(u64 *)(r0 +0) += r1`. What is `R0` there?',
        hint: 'Click on the line with `lock`.',
        isDone: () =>
          sights.isAccepted() && sights.isBefore('lock') && sights.knownOf('R0').startsWith('map_value('),
      },
    ],
    end: 'A branch tells something. On the path where R0 is not 0, `map_value_or_null` became `map_value`, and only there it may be used.',
  },
  {
    id: 'packet',
    title: 'The end of the packet',
    about: 'How far a packet may be read is what a comparison has shown, to the byte.',
    begin: () => write(PACKET),
    steps: [
      {
        text: 'Rejected again. Go to the step before `if r4 > r3`: what `R4` points to is known as an offset from the beginning of the packet.',
        hint: 'Click on the line of the comparison.',
        isDone: () => sights.isBefore('if r4 >'),
      },
      {
        text: 'Go to the access, `r5 = *(u16 *)(r2 +12)`. `R2` says `r=12`: twelve bytes are shown to be there.',
        hint: 'It is the last step.',
        isDone: () => sights.isBefore('r5 =') && /r=\d+/.test(sights.knownOf('R2')),
      },
      {
        text: 'Two bytes from 12 on need 14. Repair the program.',
        hint: '`r4 += 14`.',
        isDone: sights.isAccepted,
      },
    ],
    end: 'Every comparison with `data_end` moves the edge of what may be read. It is an edge on this path only.',
  },
  {
    id: 'ranges',
    title: 'What is known of a number',
    about: 'Ranges and known bits: how the verifier proves that an index fits.',
    begin: () => write(RANGES),
    steps: [
      {
        text: 'Go to the step behind `r6 &= 31` and open `R6` in "State": its ranges, and which of its bits are known.',
        hint: 'Click on `r0 += r6` in "Instructions", then on R6 in "State".',
        isDone: () => sights.isBefore('r0 += r6') && sights.knownOf('R6').includes('umax'),
      },
      {
        text: 'The value has 16 bytes, and the index may be 31. Repair the mask.',
        hint: 'What is the largest index that fits, and is it one less than a power of two?',
        isDone: sights.isAccepted,
      },
      {
        text: 'Go once more to `r0 += r6`: now only four bits of `R6` are unknown.',
        hint: 'Click on the line.',
        isDone: () =>
          sights.isAccepted() && sights.isBefore('r0 += r6') && sights.knownOf('R6').includes('umax'),
      },
    ],
    end: 'The verifier keeps numbers as ranges (signed, unsigned, 64 and 32 bits) and as known bits. Masks and comparisons make them smaller; arithmetic makes them larger.',
  },
  {
    id: 'paths',
    title: 'Paths and states',
    about: 'Every branch makes two paths. What was seen before need not be followed again.',
    begin: () => show('task_vma-task_vma.bpf.o', 'verify'),
    steps: [
      {
        text: 'Go to a step at which another path is put aside: "State" says that it waits.',
        hint: 'Branches do it. Step forwards until "another path waits" is said.',
        isDone: () => sights.trace()?.program === 'dump_task_vma' && sights.happens('branch'),
      },
      {
        text: 'Go to the end of a path that was not followed to its exit, because a kept state covers it.',
        hint: 'In "Paths", click on one that says "covered", then on "End of this path".',
        isDone: () => sights.trace()?.program === 'dump_task_vma' && sights.happens('pruned'),
      },
      {
        text: 'Go to the step where the covering state was kept.',
        hint: '"State" names it: it is a link.',
        isDone: sights.isAtCoveringState,
      },
    ],
    end: 'A state covers another when everything that is true of the other is true of it, too. Without that, programs would have more paths than anybody can follow.',
  },
  {
    id: 'loop',
    title: 'Loops have to end',
    about: 'The verifier goes round with you, until it knows that the loop ends.',
    begin: () => {
      // A rejection is opened at its last step, which is what is asked for.
      openAt({ step: 0 });
      write(LOOP);
    },
    steps: [
      {
        text: 'Rejected, but not because of the loop: look at "Why". In which round does it happen?',
        hint: 'Go to the last step and look at `R1`, the counter.',
        isDone: () => sights.isBefore('r3 =') && sights.knownOf('R1') === '8',
      },
      {
        text: 'Repair the condition, so that exactly eight bytes are added.',
        hint: '`if r1 < 8 goto again`.',
        isDone: sights.isAccepted,
      },
      {
        text: 'Let the loop go a hundred rounds over the same byte: compare with `100` and do not move `r2`. It is still accepted, and costs a hundred rounds.',
        hint: 'Take out `r2 += r1`, and write `if r1 < 100 goto again`. The colour in front of an instruction shows how often the verifier was there.',
        isDone: () => sights.isAccepted() && sights.mostVisits() >= 100,
      },
    ],
    end: 'A loop costs what it would cost to run it, up to a million instructions in all. Helpers like `bpf_loop` verify their callback once.',
  },
  {
    id: 'reference',
    title: 'What is taken is given back',
    about: 'References have an owner on every path, to the very end.',
    begin: () => write(LEAK),
    steps: [
      {
        text: 'Read "Why", and go to the step that took the reference.',
        hint: 'It is the first line of "Where it comes from".',
        isDone: () => sights.isBefore('call bpf_ringbuf_reserve'),
      },
      {
        text: 'Go to the last step: "references" at the end of "State" names what is still held at the exit.',
        hint: 'The button "Last step".',
        isDone: () =>
          report.value?.verdict === 'rejected' && (sights.stepView()?.state.frames[0]?.refs.length ?? 0) > 0,
      },
      {
        text: 'Repair the path that leaks: submit the record always, or discard it there.',
        hint: 'Take out the second `if r0 == 0 goto out`. Or send it to a label of its own that calls `bpf_ringbuf_discard`.',
        isDone: sights.isAccepted,
      },
    ],
    end: 'The verifier does not clean up behind a program: it wants proof that the program does, on every path that there is.',
  },
  {
    id: 'iterator',
    title: 'An iterator reads io_uring',
    about:
      'Follow the program that shows the registered buffers of a ring, over memory that exists only here.',
    begin: () => show('io_uring_buf-io_uring_buf.bpf.o', 'run'),
    steps: [
      {
        text: 'It has run already: once for each buffer of the ring, and once more at the end. Go to the first step at which the reader has got something.',
        hint: 'The button "output ›" goes to the next step that writes.',
        isDone: () => sights.hasRun('io_uring_buf') && sights.bytesRead() > 0,
      },
      {
        text: 'Go to its third run: in "At this step", `index` is 2.',
        hint: 'The button "object ›" goes to the next run.',
        isDone: () => sights.hasRun('io_uring_buf') && sights.runOfProgram() === 2,
      },
      {
        text: 'Go through its whole life: checkpoint the scene, bring it back in another kernel, and see that nothing was lost. In "Checkpoint", press "Checkpoint and restore".',
        hint: 'Another view: the tab is at the top.',
        isDone: sights.cameBackEqual,
      },
    ],
    end: 'That was the question of 2021: can everything inside of io_uring be read, and brought back? Item by item, it is either equal or refused with the reason.',
  },
  {
    id: 'trylock',
    title: 'Why trylock',
    about:
      "Build the deadlock that mutex_lock would have brought, then see why the series' iterators only try.",
    begin: () => {
      view.value = 'locks';
      chooseScene('abba-mutex_lock').catch(fail);
    },
    steps: [
      {
        text: 'Choose who moves, step by step, until nobody can move any more.',
        hint: 'Let each of the two take its first lock, then go on with whoever still can.',
        isDone: () => sights.isStuck('abba-mutex_lock'),
      },
      {
        text: 'Press "Explore all orders": the same deadlock is found among all of them.',
        hint: 'The blue button.',
        isDone: () => sights.isExplored('abba-mutex_lock', true),
      },
      {
        text: 'Now choose the scene `abba-trylock` and explore it: the reader gives up instead of waiting, and no order deadlocks.',
        hint: 'The list "Scene", at the top.',
        isDone: () => sights.isExplored('abba-trylock', false),
      },
    ],
    end: 'A reader that holds one lock must not wait for another whose owner may want the first. With trylock it says EDEADLK, and the reader tries again.',
  },
];
