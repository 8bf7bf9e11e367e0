/** Disturbances of processes. At the end of each, the stopped processes continue and the killed ones run again. */

import { patient } from "../../machine.ts";
import { type Host, pause } from "../../../tests/e2e/harness/mod.ts";
import type { Random } from "../../../tests/wire/support.ts";

/** Hosts of a round, and its random numbers. */
export interface Scene {
  /** Host whose process is the subnet manager. */
  readonly manager: Host;
  /** Other hosts. */
  readonly nodes: readonly Host[];
  readonly next: Random;
  /** Starts the interface of a host. */
  up(host: Host, options?: { wait: boolean }): Promise<unknown>;
}

/** Hosts that a disturbance affects. */
export type Victims = readonly Host[];

/** A type of disturbance. */
export interface Disturbance {
  readonly name: string;
  /** Selects the victims. */
  victims(scene: Scene): Victims;
  /** Disturbs the victims. Returns when their interfaces are up again or their processes continue. */
  act(victims: Victims, scene: Scene): Promise<void>;
}

const node = ({ nodes, next }: Scene) => [nodes[next(nodes.length)]!];
const manager = (scene: Scene) => [scene.manager];
const both = (scene: Scene) => [scene.manager, ...node(scene)];
const all = ({ manager, nodes }: Scene) => [manager, ...nodes];

/** Returns the time in ms for which a process is killed or stopped: up to 3 s, in one of eight cases up to 12 s. */
function absence(next: Scene["next"]): number {
  return 10 + next(next(8) === 0 ? 12_000 : 3000);
}

/** Maximum times of a takeover of the manager and of a start, within which the next kill falls. */
const TAKEOVER_MS = 700;
const START_MS = 700;
/** Time limit for a started process to carry traffic. */
const UP_MS = 8000;

/** Brings interfaces up again. Throws an Error if that takes too long. */
async function bringUp(hosts: Victims, { up }: Scene): Promise<void> {
  const start = performance.now();
  await Promise.all(hosts.map((host) => up(host)));
  const ms = performance.now() - start;
  if (ms > patient(UP_MS)) {
    throw new Error(`the interfaces were up only after ${Math.round(ms)} ms`);
  }
}

/** Kills the victims and brings them up at once or after a random time. */
async function kill(victims: Victims, scene: Scene): Promise<void> {
  for (const { daemon } of victims) daemon.kill("SIGKILL");
  await Promise.all(victims.map(({ daemon }) => daemon.exit()));
  const { next } = scene;
  await pause(next(2) ? 0 : absence(next));
  await bringUp(victims, scene);
}

/** Kills the victims one after the other at random intervals, perhaps during a takeover. */
async function killInTurn(victims: Victims, scene: Scene): Promise<void> {
  for (const { daemon } of victims) {
    daemon.kill("SIGKILL");
    await pause(scene.next(TAKEOVER_MS));
  }
  await Promise.all(victims.map(({ daemon }) => daemon.exit()));
  await bringUp(victims, scene);
}

/** Kills the victims several times during their start, then brings them up. */
async function killAtStart(victims: Victims, scene: Scene): Promise<void> {
  for (let times = 0; times < 3; times++) {
    for (const { daemon } of victims) daemon.kill("SIGKILL");
    await Promise.all(victims.map(({ daemon }) => daemon.exit()));
    for (const host of victims) await scene.up(host, { wait: false });
    await pause(scene.next(START_MS));
  }
  for (const { daemon } of victims) daemon.kill("SIGKILL");
  await Promise.all(victims.map(({ daemon }) => daemon.exit()));
  await bringUp(victims, scene);
}

/** Stops the victims with SIGSTOP for a random time. */
async function stop(victims: Victims, { next }: Scene): Promise<void> {
  for (const { daemon } of victims) daemon.kill("SIGSTOP");
  await pause(absence(next));
  for (const { daemon } of victims) daemon.kill("SIGCONT");
}

/** Kills the first victim while the second is stopped. */
async function killBesideStopped(
  [killed, stopped]: Victims,
  scene: Scene,
): Promise<void> {
  stopped!.daemon.kill("SIGSTOP");
  killed!.daemon.kill("SIGKILL");
  await killed!.daemon.exit();
  await pause(absence(scene.next));
  stopped!.daemon.kill("SIGCONT");
  await bringUp([killed!], scene);
}

export const DISTURBANCES: readonly Disturbance[] = [
  { name: "kill a node", victims: node, act: kill },
  { name: "kill the manager", victims: manager, act: kill },
  { name: "kill both", victims: both, act: kill },
  { name: "kill all", victims: all, act: kill },
  { name: "kill both in turn", victims: both, act: killInTurn },
  { name: "kill all in turn", victims: all, act: killInTurn },
  { name: "kill both at their start", victims: both, act: killAtStart },
  { name: "stop a node", victims: node, act: stop },
  { name: "stop the manager", victims: manager, act: stop },
  { name: "stop both", victims: both, act: stop },
  { name: "stop all", victims: all, act: stop },
  {
    name: "kill the manager, a node is stopped",
    victims: both,
    act: killBesideStopped,
  },
  {
    name: "kill a node, the manager is stopped",
    victims: (scene) => [...node(scene), scene.manager],
    act: killBesideStopped,
  },
  {
    name: "kill the manager's thread",
    victims: () => [],
    act: async (_victims, { manager }) => {
      await manager.lab.ipoib("subnet", "fault", "kill-manager");
    },
  },
];
