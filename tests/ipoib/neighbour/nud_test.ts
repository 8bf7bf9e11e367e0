import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  isUsable,
  newNud,
  type Nud,
  type NudAction,
  type NudEvent,
  nudNames,
  NudState,
  stepNud,
} from "../../../src/ipoib/neighbour/nud.ts";

const NOW = 1000;
const NEVER = Infinity;
const EVENTS: readonly NudEvent[] = ["use", "reply", "heard", "lost", "timer"];
type Name = typeof nudNames[number];
const state = (name: Name) => nudNames.indexOf(name) as NudState;

/** Where each event leads: state, action, deadline relative to now. Absent: nothing changes. */
const TABLE: Record<
  Name,
  Partial<Record<NudEvent, [Name, NudAction, number]>>
> = {
  NONE: {
    use: ["INCOMPLETE", "broadcast", 1000],
    timer: ["NONE", "none", NEVER],
  },
  INCOMPLETE: { timer: ["INCOMPLETE", "broadcast", 1000] },
  REACHABLE: {
    lost: ["INCOMPLETE", "broadcast", 1000],
    timer: ["STALE", "none", NEVER],
  },
  STALE: {
    use: ["DELAY", "none", 5000],
    lost: ["INCOMPLETE", "broadcast", 1000],
    timer: ["STALE", "none", NEVER],
  },
  DELAY: {
    lost: ["INCOMPLETE", "broadcast", 1000],
    timer: ["PROBE", "unicast", 1000],
  },
  PROBE: {
    lost: ["INCOMPLETE", "broadcast", 1000],
    timer: ["PROBE", "unicast", 1000],
  },
  FAILED: {
    use: ["INCOMPLETE", "broadcast", 1000],
    timer: ["FAILED", "none", NEVER],
  },
};

for (const from of nudNames) {
  for (const event of EVENTS) {
    const expected = event === "reply"
      ? ["REACHABLE", "none", 30_000] as const
      : event === "heard" && from !== "REACHABLE"
      ? ["STALE", "none", NEVER] as const
      : TABLE[from][event];
    const to = expected?.[0] ?? from;
    Deno.test(`stepNud() takes ${from} by "${event}" to ${to}`, () => {
      const nud: Nud = { state: state(from), probes: 1, deadline: 7777 };
      const action = stepNud(nud, event, NOW, 0.5);
      assertEquals(nudNames[nud.state], to);
      assertEquals(action, expected?.[1] ?? "none");
      assertEquals(nud.deadline, expected ? NOW + expected[2] : 7777);
    });
  }
}

Deno.test("stepNud() fails a neighbour after three requests, a second apart", () => {
  const nud = newNud();
  const actions = [stepNud(nud, "use", 0, 0)];
  const times: number[] = [];
  while (nud.deadline < Infinity) {
    times.push(nud.deadline);
    actions.push(stepNud(nud, "timer", nud.deadline, 0));
  }
  assertEquals(actions, ["broadcast", "broadcast", "broadcast", "fail"]);
  assertEquals(times, [1000, 2000, 3000]);
  assertEquals(nud.state, NudState.Failed);
});

Deno.test("stepNud() fails a silent neighbour after five seconds and three probes", () => {
  const nud: Nud = { state: NudState.Stale, probes: 0, deadline: Infinity };
  const actions = [stepNud(nud, "use", 0, 0)];
  const times: number[] = [];
  while (nud.deadline < Infinity) {
    times.push(nud.deadline);
    actions.push(stepNud(nud, "timer", nud.deadline, 0));
  }
  assertEquals(actions, ["none", "unicast", "unicast", "unicast", "fail"]);
  assertEquals(times, [5000, 6000, 7000, 8000]);
});

Deno.test("stepNud() lets a neighbour be reachable for 15 to 45 seconds", () => {
  for (const [random, expected] of [[0, 15_000], [1, 45_000]] as const) {
    const nud = newNud();
    stepNud(nud, "reply", 0, random);
    assertEquals(nud.deadline, expected);
  }
});

Deno.test("every state is reached, and deadlines stand where somebody waits", () => {
  const reached = new Set<number>([NudState.None]);
  const step = fc.record({
    event: fc.constantFrom(...EVENTS),
    wait: fc.constantFrom(0, 1, 999, 1000, 5000, 45_000),
    random: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const nud = newNud();
      let now = 0;
      for (const { event, wait, random } of steps) {
        now += wait;
        // A timer only fires when it is due.
        if (event === "timer" && nud.deadline > now) continue;
        const before = nud.state;
        const action = stepNud(nud, event, now, random);
        reached.add(nud.state);
        const waits = nud.state === NudState.Incomplete ||
          nud.state === NudState.Reachable || nud.state === NudState.Delay ||
          nud.state === NudState.Probe;
        assertEquals(nud.deadline < Infinity, waits, nudNames[nud.state]);
        assert(nud.probes <= 3);
        if (action === "fail") assertEquals(nud.state, NudState.Failed);
        if (action === "broadcast") {
          assertEquals([nud.state, nud.deadline], [1, now + 1000]);
        }
        if (action === "unicast") {
          assertEquals([nud.state, nud.deadline], [5, now + 1000]);
        }
        if (isUsable(nud.state) && !isUsable(before)) {
          assert(event === "reply" || event === "heard");
        }
      }
    }),
    { seed: 4391, numRuns: 500 },
  );
  assertEquals([...reached].sort(), Object.values(NudState).sort());
});
