/** What a round does to the processes: each ends with every interface up again, or told to go on. */

import { patient } from "../../machine.ts";
import { type Host, pause } from "../../../tests/e2e/harness/mod.ts";
import type { Random } from "../../../tests/wire/support.ts";

/** The hosts of a round, and chance. */
export interface Scene {
  /** The one whose process has the subnet manager. */
  readonly manager: Host;
  /** The others. */
  readonly nodes: readonly Host[];
  readonly next: Random;
  /** Starts the interface of a host. */
  up(host: Host, options?: { wait: boolean }): Promise<unknown>;
}

/** The hosts that a disturbance concerns. */
export type Victims = readonly Host[];

export interface Disturbance {
  readonly name: string;
  /** Whom it is for. */
  victims(scene: Scene): Victims;
  /** Does it; every interface is up, or goes on, when it returns. */
  act(victims: Victims, scene: Scene): Promise<void>;
}

const node = ({ nodes, next }: Scene) => [nodes[next(nodes.length)]!];
const manager = (scene: Scene) => [scene.manager];
const both = (scene: Scene) => [scene.manager, ...node(scene)];
const everybody = ({ manager, nodes }: Scene) => [manager, ...nodes];

/** How long a process is gone or stopped: up to three seconds, in one case of eight up to twelve. */
function absence(next: Scene["next"]): number {
  return 10 + next(next(8) === 0 ? 12_000 : 3000);
}

/** Another process takes the manager over within so long, and a process starts. */
const TAKEOVER_MS = 700;
const START_MS = 700;
/** A process that starts carries traffic within so long. */
const UP_MS = 8000;

/** Brings interfaces up again; throws if that takes too long. */
async function bringUp(hosts: Victims, { up }: Scene): Promise<void> {
  const start = performance.now();
  await Promise.all(hosts.map((host) => up(host)));
  const ms = performance.now() - start;
  if (ms > patient(UP_MS)) throw new Error(`up took ${Math.round(ms)} ms`);
}

/** kill -9, and up again after a while. */
async function kill(victims: Victims, scene: Scene): Promise<void> {
  for (const { daemon } of victims) daemon.kill("SIGKILL");
  await Promise.all(victims.map(({ daemon }) => daemon.exit()));
  const { next } = scene;
  await pause(next(2) ? 0 : absence(next));
  await bringUp(victims, scene);
}

/** Each is killed a moment after the one before, which may be while another takes over. */
async function killInTurn(victims: Victims, scene: Scene): Promise<void> {
  for (const { daemon } of victims) {
    daemon.kill("SIGKILL");
    await pause(scene.next(TAKEOVER_MS));
  }
  await Promise.all(victims.map(({ daemon }) => daemon.exit()));
  await bringUp(victims, scene);
}

/** Killed again while it starts, and up in the end. */
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

async function stop(victims: Victims, { next }: Scene): Promise<void> {
  for (const { daemon } of victims) daemon.kill("SIGSTOP");
  await pause(absence(next));
  for (const { daemon } of victims) daemon.kill("SIGCONT");
}

/** The first is killed while the second is stopped. */
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
  { name: "kill all", victims: everybody, act: kill },
  { name: "kill both in turn", victims: both, act: killInTurn },
  { name: "kill all in turn", victims: everybody, act: killInTurn },
  { name: "kill both at their start", victims: both, act: killAtStart },
  { name: "stop a node", victims: node, act: stop },
  { name: "stop the manager", victims: manager, act: stop },
  { name: "stop both", victims: both, act: stop },
  { name: "stop all", victims: everybody, act: stop },
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
