/** Finding the process that a command is meant for, and talking to it. */

import { IpoibError } from "../base/errors.ts";
import { IpcClient } from "../ipc/client.ts";
import {
  type InterfaceSocket,
  interfaceSockets,
  socketDirectory,
  socketPath,
} from "../ipc/locate.ts";
import type { Method, Params, Result } from "../ipc/schema.ts";
import type { CliEnvironment } from "./environment.ts";

/** A connection to the owner of an interface. */
export interface Target {
  /** The interface that is meant. */
  name: string;
  /** True if it is a child, so that the process has more than this interface. */
  child: boolean;
  client: IpcClient;
}

/** Parents with a process that answers, and children that were moved away from theirs, in one namespace. */
export async function running(directory: string): Promise<string[]> {
  const names: string[] = [];
  for (const socket of interfaceSockets(directory)) {
    if (socket.leadsTo !== undefined && !isMovedChild(socket)) continue;
    const { name, path } = socket;
    try {
      (await IpcClient.connect(path, name)).close();
      names.push(name);
    } catch {
      // Dead, or not ours to control.
    }
  }
  return names;
}

/** The folder of the control sockets of a namespace. */
export async function directoryOf(
  environment: CliEnvironment,
  netns: string | undefined,
): Promise<string> {
  return socketDirectory(
    environment.runtime,
    await environment.namespace(netns),
  );
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
  const chosen = name ?? await onlyOne(directory);
  const path = socketPath(directory, chosen);
  const socket = interfaceSockets(directory).find((s) => s.name === chosen);
  try {
    const client = await IpcClient.connect(path, chosen);
    return { name: chosen, child: socket?.leadsTo !== undefined, client };
  } catch (error) {
    if (!(error instanceof IpoibError) || error.code !== "E_NOT_RUNNING") {
      throw error;
    }
    const others = await running(directory);
    throw new IpoibError("E_NOT_RUNNING", `${chosen} is not running`, {
      hint: others.length > 0
        ? `running here: ${others.join(", ")}`
        : `start it with ipoib up ${chosen}`,
      cause: error,
    });
  }
}

async function onlyOne(directory: string): Promise<string> {
  const names = await running(directory);
  if (names.length > 1) {
    throw new IpoibError(
      "E_AMBIGUOUS",
      `Several interfaces are running: ${names.join(", ")}`,
      { hint: "name one of them" },
    );
  }
  if (names[0] !== undefined) return names[0];
  throw new IpoibError(
    "E_NOT_RUNNING",
    "No interface is running in this network namespace",
    { hint: "start one with ipoib up ib0" },
  );
}

/** A child in another namespace than its parent's: its link leads out of the folder. */
function isMovedChild({ leadsTo }: InterfaceSocket): boolean {
  return leadsTo?.includes("/") ?? false;
}

/** Opens, calls one method with the name of the interface, closes. */
export async function callInterface<
  M extends "link.show" | "neigh.show" | "path.show" | "mcg.show",
>(
  environment: CliEnvironment,
  netns: string | undefined,
  method: M,
  name?: string,
): Promise<Result<M>> {
  const target = await openInterface(environment, netns, name);
  using client = target.client;
  // The four take the same parameters, which TypeScript does not see through M.
  const params =
    (method === "link.show" && name === undefined && !target.child
      ? {}
      : { name: target.name }) as Params<M & Method>;
  return await client.call(method, params);
}
