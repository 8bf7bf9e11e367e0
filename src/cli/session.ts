/** Connects a command to the process that owns its interface. */

import { IpoibError } from "../base/errors.ts";
import { IpcClient } from "../ipc/client.ts";
import {
  inodeOfSocket,
  type InterfaceSocket,
  interfaceSockets,
  socketDirectory,
  socketPath,
} from "../ipc/locate.ts";
import type { CliEnvironment } from "./environment.ts";

/** An interface and the connection to its owner. Disposal closes the connection. */
export class Target {
  /** Name of the interface. */
  readonly name: string;
  /** True for a child interface, whose process also owns its parent. */
  readonly child: boolean;
  readonly client: IpcClient;

  constructor(name: string, child: boolean, client: IpcClient) {
    this.name = name;
    this.child = child;
    this.client = client;
  }

  [Symbol.dispose](): void {
    this.client.close();
  }
}

/** What a word of a command line may be if it is not an interface. */
export interface Otherwise {
  /** With its article, such as "a parameter". */
  readonly what: string;
  /** The words, as a hint: "parameters: ..." */
  readonly known?: string;
}

/** Number of interfaces that an error lists. */
const MAX_LISTED = 16;

/**
 * Connects to every process with a parent interface, or a child moved from another namespace, in the namespace. Adds
 * refusals for lack of permission to `denied`.
 */
export async function openAll(
  environment: CliEnvironment,
  netns: string | undefined,
  denied: IpoibError[] = [],
): Promise<Target[]> {
  return await connectAll(await directoryOf(environment, netns), denied);
}

/**
 * Connects to the owner of interface `name`, by default of the only interface that {@linkcode openAll} finds.
 *
 * Throws `E_NOT_RUNNING`, `E_AMBIGUOUS` (with the names of the interfaces), `E_NAME`, `E_NETNS`, and the errors of
 * `IpcClient.connect`.
 *
 * @param otherwise what `name` may be instead: the error says so
 */
export async function openInterface(
  environment: CliEnvironment,
  netns: string | undefined,
  name?: string,
  otherwise?: Otherwise,
): Promise<Target> {
  const directory = await directoryOf(environment, netns);
  return name === undefined
    ? await openOnly(directory, environment, netns)
    : await openNamed(directory, environment, netns, name, otherwise);
}

/** Returns the directory of the control sockets of a namespace. */
async function directoryOf(
  environment: CliEnvironment,
  netns: string | undefined,
): Promise<string> {
  return socketDirectory(
    environment.runtime,
    await environment.namespace(netns),
  );
}

async function openNamed(
  directory: string,
  environment: CliEnvironment,
  netns: string | undefined,
  name: string,
  otherwise?: Otherwise,
): Promise<Target> {
  const sockets = interfaceSockets(directory);
  checkWithoutParent(name, sockets);
  const path = socketPath(directory, name);
  const socket = sockets.find((each) => each.name === name);
  try {
    return await connect({ ...socket, name, path });
  } catch (error) {
    if (!(error instanceof IpoibError) || error.code !== "E_NOT_RUNNING") {
      throw error;
    }
    const others = await connectAll(directory);
    others.forEach(({ client }) => client.close());
    const owner = await environment.ownerOfLeft(netns, name)
      .catch(() => undefined);
    if (otherwise && owner === undefined) {
      throw neither(name, otherwise, runningHere(sockets, others), error);
    }
    const ipoib = commandIn(netns);
    throw new IpoibError("E_NOT_RUNNING", `${name} is not running`, {
      hint: owner !== undefined
        ? leftHint(name, owner, ipoib)
        : others.length > 0
        ? runningHere(sockets, others)
        : `start it with ${ipoib} up ${name}`,
      cause: error,
    });
  }
}

/**
 * @param owner name with which `ipoib up` takes over the device
 * @param ipoib see {@linkcode commandIn}
 */
function leftHint(name: string, owner: string, ipoib: string): string {
  const child = name === owner ? "" : `, a child of ${owner}`;
  return `its process has left the network device${child}: ${
    remedies(ipoib, owner, name)
  }`;
}

/** Returns the commands for a device that a process has left. */
function remedies(ipoib: string, owner: string, name: string): string {
  return `${ipoib} up ${owner} takes it over, ${ipoib} down ${name} deletes it`;
}

/** Returns the beginning of a command line in a namespace given by NAME, PID or PATH. */
function commandIn(netns: string | undefined): string {
  return netns === undefined ? "ipoib" : `ipoib -n ${netns}`;
}

/** Throws `E_NOT_RUNNING` for the name of an interface with its parent, as lists print a child: `ib0.8001@ib0`. */
function checkWithoutParent(
  given: string,
  sockets: readonly InterfaceSocket[],
): void {
  const [name] = given.split("@");
  if (name === given || sockets.some((each) => each.name === given)) return;
  if (!sockets.some((each) => each.name === name)) return;
  throw new IpoibError("E_NOT_RUNNING", `${given} is not running`, {
    hint: `the name of the interface is ${name}`,
  });
}

function neither(
  word: string,
  { what, known }: Otherwise,
  running: string,
  cause: IpoibError,
): IpoibError {
  return new IpoibError(
    "E_NOT_RUNNING",
    `${word} is neither a running interface nor ${what}`,
    { hint: known === undefined ? running : `${known}; ${running}`, cause },
  );
}

/** Returns the hint that lists the interfaces of processes that have answered, and their children. */
function runningHere(
  sockets: readonly InterfaceSocket[],
  answered: readonly Target[],
): string {
  const owners = new Set(answered.map(({ name }) => name));
  const names = sockets.filter(({ name, target }) =>
    owners.has(name) || owners.has(target ?? "")
  ).map(({ name }) => name);
  if (names.length === 0) return "none is running here";
  const more = names.length - MAX_LISTED;
  const listed = names.slice(0, MAX_LISTED).join(", ");
  return `running here: ${listed}${more > 0 ? ` and ${more} more` : ""}`;
}

async function openOnly(
  directory: string,
  environment: CliEnvironment,
  netns: string | undefined,
): Promise<Target> {
  const denied: IpoibError[] = [];
  const [only, ...others] = await connectAll(directory, denied);
  if (only === undefined) {
    throw denied[0] ?? await noneRunning(environment, { netns });
  }
  if (others.length === 0) return only;
  const all = [only, ...others];
  all.forEach(({ client }) => client.close());
  throw new IpoibError(
    "E_AMBIGUOUS",
    `Several interfaces are running: ${namesOf(all)}`,
    { hint: "name one of them" },
  );
}

/**
 * Returns an `E_NOT_RUNNING` error: no interface was found in the namespace, or with `allNetns` on the host. The hint
 * names the interfaces whose devices a killed process has left in the namespace.
 */
export async function noneRunning(
  environment: CliEnvironment,
  { allNetns, netns }: { allNetns?: boolean; netns?: string | undefined },
): Promise<IpoibError> {
  const left = await environment.leftInterfaces(netns).catch(() => []);
  const [first] = left;
  const ipoib = commandIn(netns);
  return new IpoibError("E_NOT_RUNNING", noneRunningText(allNetns), {
    hint: first === undefined
      ? `start one with ${ipoib} up ib0`
      : `killed processes have left ${left.join(", ")}: ${
        remedies(ipoib, first, first)
      }`,
  });
}

/** Returns the text that says that no interface was found. */
export function noneRunningText(allNetns = false): string {
  return `No interface is running ${
    allNetns ? "on this host" : "in this network namespace"
  }`;
}

/** Connects to the owners of all parents and moved children. Adds refusals for lack of permission to `denied`. */
async function connectAll(
  directory: string,
  denied: IpoibError[] = [],
): Promise<Target[]> {
  const targets: Target[] = [];
  for (const socket of interfaceSockets(directory)) {
    if (socket.target !== undefined && !isMovedChild(socket)) continue;
    try {
      targets.push(await connect(socket));
    } catch (error) {
      const refusal = IpoibError.from(error);
      // Otherwise the socket is stale.
      if (refusal.code === "E_IPC_PERMISSION") denied.push(refusal);
    }
  }
  return targets;
}

/**
 * Connects to the owner of an interface. The names of requests are looked up in the namespace of the socket. Throws the
 * errors of `IpcClient.connect`.
 */
export async function connect(
  { name, path, target }: InterfaceSocket,
): Promise<Target> {
  const client = await IpcClient.connect(path, name, inodeOfSocket(path));
  return new Target(name, target !== undefined, client);
}

/** True for a child in another namespace than its parent: its symbolic link points to another directory. */
export function isMovedChild({ target }: InterfaceSocket): boolean {
  return target?.includes("/") ?? false;
}

function namesOf(targets: readonly Target[]): string {
  return targets.map(({ name }) => name).join(", ");
}
