/** Connects a command to the process that runs the manager of a subnet, or to an interface on the subnet. */

import { IpoibError } from "../base/errors.ts";
import { IpcClient } from "../ipc/client.ts";
import {
  subnetDirectory,
  subnetNames,
  subnetSocketPath,
} from "../ipc/locate.ts";
import type { SubnetRecord } from "../ipc/schema.ts";
import { isSubnetName } from "../ipc/up_options.ts";
import type { CliEnvironment } from "./environment.ts";
import { usageError } from "./errors.ts";
import { openAll } from "./session.ts";

/** Time for a process of the subnet to take over from a manager that has ended, in milliseconds. */
const TAKEOVER_MS = 2000;
const STEP_MS = 50;

/** A connection to the process that runs a subnet manager. */
interface SubnetHost {
  /** Name of the subnet. */
  name: string;
  client: IpcClient;
}

/**
 * Connects to the manager of subnet `name`, by default of the only running subnet. If the manager has ended and ports
 * live, waits until one of their processes has taken over.
 *
 * Throws `E_NOT_RUNNING`, `E_AMBIGUOUS` (with the names of the subnets), `E_USAGE` for an invalid subnet name,
 * `E_IPC_PERMISSION` if no manager is reachable and this user may not connect to one.
 */
export async function openSubnet(
  environment: CliEnvironment,
  name?: string,
): Promise<IpcClient> {
  const denied: IpoibError[] = [];
  const client = await findHost(environment, name, denied, TAKEOVER_MS);
  if (client) return client;
  throw denied[0] ?? notRunning(name);
}

/**
 * Fetches the record of subnet `name`, by default of the only running subnet, from its manager, as
 * {@linkcode openSubnet} finds it. If no manager is reachable, queries the interfaces in namespace `netns` and returns
 * the first reply.
 *
 * Throws `E_NOT_RUNNING`, `E_AMBIGUOUS` (with the names of the subnets), `E_USAGE` for an invalid subnet name,
 * `E_NETNS`. If no process returns the record, throws the first `E_IPC_PERMISSION`, otherwise the error of the last
 * interface.
 *
 * @param takeoverMs time for a process to take over from a manager that has ended, in milliseconds
 */
export async function fetchSubnet(
  environment: CliEnvironment,
  netns: string | undefined,
  name?: string,
  takeoverMs: number = TAKEOVER_MS,
): Promise<SubnetRecord> {
  const denied: IpoibError[] = [];
  using client = await findHost(environment, name, denied, takeoverMs);
  return client
    ? await client.call("subnet.show", {})
    : await subnetOfInterface(environment, netns, name, denied);
}

/** Connects to the only manager. Adds refusals for lack of permission to `denied`. */
async function findHost(
  environment: CliEnvironment,
  name: string | undefined,
  denied: IpoibError[],
  takeoverMs: number,
): Promise<IpcClient | undefined> {
  if (name !== undefined && !isSubnetName(name)) {
    throw usageError(`Subnet name "${name}" is not valid`);
  }
  const limit = performance.now() + takeoverMs;
  let hosts = await subnetHosts(environment, name, denied);
  while (
    hosts.length === 0 && denied.length === 0 && performance.now() < limit &&
    await hasLivePort(environment, name)
  ) {
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
    hosts = await subnetHosts(environment, name, denied);
  }
  if (hosts.length <= 1) return hosts[0]?.client;
  for (const { client } of hosts) client.close();
  const names = hosts.map((host) => host.name).join(", ");
  throw new IpoibError(
    "E_AMBIGUOUS",
    `Several subnets are running: ${names}`,
    { hint: "name one of them" },
  );
}

/** Returns the control sockets of the managers of subnet `name`, by default of all subnets. */
export function subnetSockets(
  { runtime }: Pick<CliEnvironment, "runtime">,
  name: string | undefined,
): { name: string; path: string }[] {
  return (name === undefined ? subnetNames(runtime) : [name])
    .map((each) => ({ name: each, path: subnetSocketPath(runtime, each) }));
}

/** True if a port of the subnet is alive: its process, or another one, takes over the manager. */
async function hasLivePort(
  { runtime }: CliEnvironment,
  name: string | undefined,
): Promise<boolean> {
  const names = name === undefined ? subnetNames(runtime) : [name];
  if (names.length === 0) return false;
  const { hasLivePort } = await import("../daemon/sweep.ts");
  return names.some((each) => hasLivePort(subnetDirectory(runtime, each)));
}

async function subnetHosts(
  environment: CliEnvironment,
  name: string | undefined,
  denied: IpoibError[],
): Promise<SubnetHost[]> {
  const hosts: SubnetHost[] = [];
  for (const { name: each, path } of subnetSockets(environment, name)) {
    try {
      const client = await IpcClient.connect(path, `Subnet ${each}`);
      hosts.push({ name: each, client });
    } catch (error) {
      const refusal = IpoibError.from(error);
      // Otherwise no process listens at this path.
      if (refusal.code === "E_IPC_PERMISSION") denied.push(refusal);
    }
  }
  return hosts;
}

async function subnetOfInterface(
  environment: CliEnvironment,
  netns: string | undefined,
  name: string | undefined,
  denied: IpoibError[],
): Promise<SubnetRecord> {
  const targets = await openAll(environment, netns, denied);
  let refusal: unknown;
  try {
    for (const { client } of targets) {
      try {
        return await client.call(
          "subnet.show",
          name === undefined ? {} : { name },
        );
      } catch (error) {
        refusal = error;
      }
    }
  } finally {
    for (const { client } of targets) client.close();
  }
  throw denied[0] ?? refusal ?? notRunning(name);
}

function notRunning(name: string | undefined): IpoibError {
  return new IpoibError(
    "E_NOT_RUNNING",
    name === undefined
      ? "No subnet is running"
      : `Subnet ${name} is not running`,
    { hint: "start it with ipoib subnet run, or an interface with ipoib up" },
  );
}
