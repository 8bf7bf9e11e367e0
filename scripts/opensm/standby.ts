/**
 * Runs a second OpenSM on the simulated fabric, which waits in standby until the master hands over or ends.
 *
 * The simulator does not report that a MAD has no answer, and OpenSM then waits without end. These have no answer:
 *
 * - a query for SMInfo of an OpenSM that has not found its own port yet. Therefore the master is stopped while the
 *   standby starts;
 * - the standby's last poll, if the master is killed before it answers. Therefore the standby is stopped meanwhile;
 * - the trap that a standby sends when it polls a master of lower priority, because the simulator drops its repression.
 *   Therefore a standby starts with the lower priority, and does not poll a master whose priority is changed.
 */

import { patient } from "../machine.ts";
import { readManagerState } from "./read.ts";
import type { ManagerOptions, Simulator } from "./simulator.ts";

const LIMIT_MS = 10_000;
const STEP_MS = 20;

/** Starts an OpenSM beside the master, which runs on the node `master`, and waits until it is the standby. */
export async function startStandby(
  simulator: Simulator,
  master: number,
  options: ManagerOptions & { node: number },
): Promise<void> {
  await whileStopped(simulator, master, async () => {
    await simulator.runManager(options);
    await managerReaches(simulator, options.node, "discovering");
  });
  await managerReaches(simulator, options.node, "standby");
}

/** Kills the master with SIGKILL, and waits until the standby, which polls it, takes its place. */
export async function killMaster(
  simulator: Simulator,
  master: number,
  standby: number,
): Promise<void> {
  await whileStopped(simulator, standby, async () => {
    // The master answers in order: it has answered a poll when it answers these.
    for (let i = 0; i < 2; i++) await readManagerState(simulator, master);
    await simulator.killManager(master);
  });
  await managerReaches(simulator, standby, "master");
}

async function whileStopped(
  simulator: Simulator,
  node: number,
  work: () => Promise<void>,
): Promise<void> {
  simulator.signalManager(node, "SIGSTOP");
  try {
    await work();
  } finally {
    simulator.signalManager(node, "SIGCONT");
  }
}

/** Waits until the OpenSM of a node is in a state. Throws an Error if it is not in time. */
export async function managerReaches(
  simulator: Simulator,
  node: number,
  state: Awaited<ReturnType<typeof readManagerState>>,
): Promise<void> {
  const deadline = Date.now() + patient(LIMIT_MS);
  for (;;) {
    const current = await readManagerState(simulator, node);
    if (current === state) return;
    if (Date.now() > deadline) {
      throw new Error(`OpenSM is ${current} instead of ${state}`);
    }
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
}
