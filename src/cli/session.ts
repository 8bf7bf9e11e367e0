/** Finding the process that a command is meant for, and talking to it. */

import { IpoibError } from "../base/errors.ts";
import { IpcClient } from "../ipc/client.ts";
import {
  interfaceSockets,
  socketDirectory,
  socketPath,
  subnetSocketPath,
} from "../ipc/locate.ts";
import type { Method, Params, Result } from "../ipc/schema.ts";
import type { SubnetRecord } from "../ipc/schema.ts";
import { isSubnetName } from "../ipc/up_options.ts";
import type { CliEnvironment } from "./environment.ts";
import { usageError } from "./errors.ts";

/** A connection to the owner of an interface. */
export interface Target {
  /** The interface that is meant. */
  name: string;
  /** True if it is a child, so that the process has more than this interface. */
  child: boolean;
  client: IpcClient;
}

/** Parents with a process that answers, in one namespace. */
async function running(directory: string): Promise<string[]> {
  const names: string[] = [];
  for (const { name, path, parent } of interfaceSockets(directory)) {
    if (parent !== undefined) continue;
    try {
      (await IpcClient.connect(path, name)).close();
      names.push(name);
    } catch {
      // Dead, or not ours to control.
    }
  }
  return names;
}

async function directoryOf(
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
  const chosen = name ?? await onlyParent(directory);
  const path = socketPath(directory, chosen);
  const socket = interfaceSockets(directory).find((s) => s.name === chosen);
  try {
    const client = await IpcClient.connect(path, chosen);
    return { name: chosen, child: socket?.parent !== undefined, client };
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

async function onlyParent(directory: string): Promise<string> {
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
    (method === "link.show" && name === undefined
      ? {}
      : { name: target.name }) as Params<M & Method>;
  return await client.call(method, params);
}

/**
 * The subnet of that name, or the one that can be found: from whoever hosts it, else from an interface on it.
 *
 * Throws `E_NOT_RUNNING`, `E_AMBIGUOUS` with the choices, `E_USAGE` for what cannot be a subnet's name.
 */
export async function fetchSubnet(
  environment: CliEnvironment,
  netns: string | undefined,
  name?: string,
): Promise<SubnetRecord> {
  if (name !== undefined && !isSubnetName(name)) {
    throw usageError(`Subnet name "${name}" is not valid`);
  }
  const hosts = await subnetHosts(environment.runtime, name);
  try {
    if (hosts.length > 1) {
      const names = hosts.map((host) => host.name).join(", ");
      throw new IpoibError(
        "E_AMBIGUOUS",
        `Several subnets are running: ${names}`,
        { hint: "name one of them" },
      );
    }
    if (hosts[0]) return await hosts[0].client.call("subnet.show", {});
  } finally {
    for (const host of hosts) host.client.close();
  }
  return await subnetOfInterface(environment, netns, name);
}

async function subnetHosts(runtime: string, name: string | undefined) {
  const names = name === undefined ? subnetNames(runtime) : [name];
  const hosts: Array<{ name: string; client: IpcClient }> = [];
  for (const name of names) {
    try {
      const path = subnetSocketPath(runtime, name);
      const client = await IpcClient.connect(path, `Subnet ${name}`);
      hosts.push({ name, client });
    } catch {
      // Nobody hosts it under this path.
    }
  }
  return hosts;
}

function subnetNames(runtime: string): string[] {
  try {
    return [...Deno.readDirSync(`${runtime}/subnet`)].map((entry) => entry.name)
      .filter(isSubnetName).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function subnetOfInterface(
  environment: CliEnvironment,
  netns: string | undefined,
  name: string | undefined,
): Promise<SubnetRecord> {
  const directory = await directoryOf(environment, netns);
  let refusal: unknown;
  for (const parent of await running(directory)) {
    try {
      const path = socketPath(directory, parent);
      using client = await IpcClient.connect(path, parent);
      return await client.call(
        "subnet.show",
        name === undefined ? {} : { name },
      );
    } catch (error) {
      refusal = error;
    }
  }
  if (refusal !== undefined) throw refusal;
  throw new IpoibError(
    "E_NOT_RUNNING",
    name === undefined
      ? "No subnet is running"
      : `Subnet ${name} is not running`,
    { hint: "start it with ipoib subnet run, or an interface with ipoib up" },
  );
}
