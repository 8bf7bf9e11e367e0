/**
 * Runs a second OpenSM on the simulated fabric, which waits in standby until the master hands over or ends.
 *
 * The simulator does not report that a MAD has no answer, and OpenSM then waits without end. These have no answer:
 *
 * - a query for SMInfo of an OpenSM that has not found its own port yet. Therefore the master is stopped while the
 *   standby starts;
 * - the standby's last poll, if the master is killed before it answers. Therefore the standby is stopped meanwhile;
 * - the trap that a standby sends when it polls a master of lower priority, because the simulator drops its repression.
 *   Therefore a standby starts with the lower priority, and its first poll is answered before the priority of the
 *   master is changed. Later polls must not occur then.
 */

import { patient } from "../machine.ts";
import { nodeLid } from "./fabric.ts";
import { readManagerState, readPort } from "./read.ts";
import type { ManagerOptions, Simulator } from "./simulator.ts";

const LIMIT_MS = 5_000;
const STEP_MS = 20;

/** The OpenSMs do not reach a state in time: the simulator has lost a MAD, which may still happen on a busy machine. */
export class ManagersStalled extends Error {
  constructor(state: string) {
    super(`OpenSM did not reach a state in time: ${state}`);
  }
}

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
  // OpenSM logs this, and polls the master, some time after it has the state.
  await waitUntil(
    "the second OpenSM is in standby",
    async () =>
      (await simulator.managerLog(options.node)).includes("STANDBY state"),
  );
  await pollAnswered(simulator, master);
}

/** Kills the master with SIGKILL, and waits until the standby, which polls it, takes its place. */
export async function killMaster(
  simulator: Simulator,
  master: number,
  standby: number,
): Promise<void> {
  await whileStopped(simulator, standby, async () => {
    await pollAnswered(simulator, master);
    await simulator.killManager(master);
  });
  await managerReaches(simulator, standby, "master");
}

/** Waits until the master has answered a poll that was sent just now: it answers queries in order. */
async function pollAnswered(
  simulator: Simulator,
  master: number,
): Promise<void> {
  for (let i = 0; i < 2; i++) {
    await pause();
    await readManagerState(simulator, master);
  }
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

/** Waits until the OpenSM of a node is the master of a port. Throws ManagersStalled if it is not in time. */
export function masterOf(
  simulator: Simulator,
  port: number,
  master: number,
): Promise<void> {
  return waitUntil(
    `node ${master} is the master of port ${port}`,
    async () => (await readPort(simulator, port)).smLid === nodeLid(master),
  );
}

/** Waits until the OpenSM of a node is in a state. Throws ManagersStalled if it is not in time. */
export async function managerReaches(
  simulator: Simulator,
  node: number,
  state: Awaited<ReturnType<typeof readManagerState>>,
): Promise<void> {
  await waitUntil(
    `OpenSM on node ${node} is ${state}`,
    async () => await readManagerState(simulator, node) === state,
  );
}

async function waitUntil(
  what: string,
  holds: () => Promise<boolean>,
): Promise<void> {
  const deadline = Date.now() + patient(LIMIT_MS);
  while (!await holds()) {
    if (Date.now() > deadline) throw new ManagersStalled(what);
    await pause();
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, STEP_MS));
}
