/** Finding the process that a command is meant for, with the one connection over which the command then talks to it. */

import { IpoibError } from "../base/errors.ts";
import { IpcClient } from "../ipc/client.ts";
import {
  type InterfaceSocket,
  interfaceSockets,
  socketDirectory,
  socketPath,
} from "../ipc/locate.ts";
import type { CliEnvironment } from "./environment.ts";

/** A connection to the owner of an interface, closed at its disposal. */
export class Target {
  /** The interface that is meant. */
  readonly name: string;
  /** True if it is a child, so that the process has more than this interface. */
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

/** Connects to each process of a namespace that answers: parents, and children that were moved away from theirs. */
export async function openAll(
  environment: CliEnvironment,
  netns: string | undefined,
): Promise<Target[]> {
  return await connectAll(await directoryOf(environment, netns));
}

/**
 * Connects to the owner of `name`, or of the only parent that runs in the namespace.
 *
 * Throws `E_NOT_RUNNING`, `E_AMBIGUOUS` with the choices, `E_NAME`, `E_NETNS`.
 */
export async function openInterface(
  environment: CliEnvironment,
  netns: string | undefined,
  name?: string,
): Promise<Target> {
  const directory = await directoryOf(environment, netns);
  return name === undefined
    ? await openOnly(directory)
    : await openNamed(directory, name);
}

/** The folder of the control sockets of a namespace. */
async function directoryOf(
  environment: CliEnvironment,
  netns: string | undefined,
): Promise<string> {
  return socketDirectory(
    environment.runtime,
    await environment.namespace(netns),
  );
}

async function openNamed(directory: string, name: string): Promise<Target> {
  const path = socketPath(directory, name);
  const socket = interfaceSockets(directory).find((each) => each.name === name);
  try {
    return await connect({ ...socket, name, path });
  } catch (error) {
    if (!(error instanceof IpoibError) || error.code !== "E_NOT_RUNNING") {
      throw error;
    }
    const others = await connectAll(directory);
    others.forEach(({ client }) => client.close());
    throw new IpoibError("E_NOT_RUNNING", `${name} is not running`, {
      hint: others.length > 0
        ? `running here: ${namesOf(others)}`
        : `start it with ipoib up ${name}`,
      cause: error,
    });
  }
}

async function openOnly(directory: string): Promise<Target> {
  const [only, ...others] = await connectAll(directory);
  if (only === undefined) {
    throw new IpoibError(
      "E_NOT_RUNNING",
      "No interface is running in this network namespace",
      { hint: "start one with ipoib up ib0" },
    );
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

async function connectAll(directory: string): Promise<Target[]> {
  const targets: Target[] = [];
  for (const socket of interfaceSockets(directory)) {
    if (socket.leadsTo !== undefined && !isMovedChild(socket)) continue;
    try {
      targets.push(await connect(socket));
    } catch {
      // Dead, or not ours to control.
    }
  }
  return targets;
}

async function connect(
  { name, path, leadsTo }: InterfaceSocket,
): Promise<Target> {
  const client = await IpcClient.connect(path, name);
  return new Target(name, leadsTo !== undefined, client);
}

/** A child in another namespace than its parent's: its link leads out of the folder. */
function isMovedChild({ leadsTo }: InterfaceSocket): boolean {
  return leadsTo?.includes("/") ?? false;
}

function namesOf(targets: readonly Target[]): string {
  return targets.map(({ name }) => name).join(", ");
}
