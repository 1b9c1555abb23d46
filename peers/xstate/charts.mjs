// What `charts` measures, in XState: `node charts.mjs BENCH EVENTS` prints seconds and what the chart counted, as JSON.
import { assign, createActor, createMachine } from 'xstate';

const ring = ['red', 'green', 'yellow'];

// Three states in a ring.
const flat = createMachine({
  id: 'flat',
  initial: 'red',
  states: Object.fromEntries(ring.map((state, at) => [state, { on: { NEXT: ring[(at + 1) % 3] } }])),
});

const count = (key) => assign({ [key]: ({ context }) => context[key] + 1 });
const counted = { entry: count('entries'), exit: count('exits') };

// A region with two states, the second of which has two children.
const region = (idle, busy, [first, second]) => ({
  ...counted,
  initial: idle,
  states: {
    [idle]: {
      ...counted,
      on: { TOGGLE: { target: busy, guard: ({ context }) => context.moves < Number.MAX_SAFE_INTEGER, actions: count('moves') } },
    },
    [busy]: {
      ...counted,
      initial: first,
      on: { TOGGLE: { target: idle, actions: count('moves') } },
      states: Object.fromEntries(
        [[first, second], [second, first]].map(([from, to]) => [
          from,
          { ...counted, on: { SHIFT: { target: to, guard: ({ context }) => context.moves > 0, actions: count('moves') } } },
        ]),
      ),
    },
  },
});

// Two regions of depth 3; each event moves both.
const parallel = createMachine({
  id: 'parallel',
  type: 'parallel',
  context: { entries: 0, exits: 0, moves: 0 },
  states: {
    left: region('leftOff', 'leftOn', ['leftSlow', 'leftFast']),
    right: region('rightIdle', 'rightBusy', ['rightLight', 'rightHeavy']),
  },
});

const benches = {
  chart_flat: { machine: flat, events: ['NEXT'], sum: ({ value }) => [ring.indexOf(value), 0, 0] },
  chart_parallel: {
    machine: parallel,
    events: ['TOGGLE', 'SHIFT', 'SHIFT', 'TOGGLE'],
    sum: ({ context }) => [context.entries, context.exits, context.moves],
  },
};

const WARM_UP = 20_000; // a multiple of the cycle of events

const { machine, events: names, sum } = benches[process.argv[2]];
const total = Number(process.argv[3]);
const events = names.map((type) => ({ type }));
const play = (actor, number) => {
  for (let at = 0; at < number; at += 1) actor.send(events[at % events.length]);
};

play(createActor(machine).start(), WARM_UP);
const actor = createActor(machine).start();
const start = process.hrtime.bigint();
play(actor, total);
const seconds = Number(process.hrtime.bigint() - start) / 1e9;
console.log(JSON.stringify({ seconds, counts: sum(actor.getSnapshot()) }));
