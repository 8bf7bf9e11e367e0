/** Connects a command to the process that runs the manager of a subnet, or to an interface on the subnet. */

import { IpoibError } from "../base/errors.ts";
import { IpcClient } from "../ipc/client.ts";
import { subnetNames, subnetSocketPath } from "../ipc/locate.ts";
import type { SubnetRecord } from "../ipc/schema.ts";
import { isSubnetName } from "../ipc/up_options.ts";
import type { CliEnvironment } from "./environment.ts";
import { usageError } from "./errors.ts";
import { openAll } from "./session.ts";

/** A connection to the process that runs a subnet manager. */
interface SubnetHost {
  /** Name of the subnet. */
  name: string;
  client: IpcClient;
}

/**
 * Connects to the manager of subnet `name`, by default of the only running subnet.
 *
 * Throws `E_NOT_RUNNING`, `E_AMBIGUOUS` (with the names of the subnets), `E_USAGE` for an invalid subnet name.
 */
export async function openSubnet(
  environment: CliEnvironment,
  name?: string,
): Promise<IpcClient> {
  return await findHost(environment, name) ?? notRunning(name);
}

/**
 * Fetches the record of subnet `name`, by default of the only running subnet, from its manager. If no manager is
 * reachable, queries the interfaces in namespace `netns` and returns the first reply.
 *
 * Throws `E_NOT_RUNNING`, `E_AMBIGUOUS` (with the names of the subnets), `E_USAGE` for an invalid subnet name,
 * `E_NETNS`, and the error of the last interface if no interface returns the record.
 */
export async function fetchSubnet(
  environment: CliEnvironment,
  netns: string | undefined,
  name?: string,
): Promise<SubnetRecord> {
  using client = await findHost(environment, name);
  return client
    ? await client.call("subnet.show", {})
    : await subnetOfInterface(environment, netns, name);
}

async function findHost(
  environment: CliEnvironment,
  name?: string,
): Promise<IpcClient | undefined> {
  if (name !== undefined && !isSubnetName(name)) {
    throw usageError(`Subnet name "${name}" is not valid`);
  }
  const hosts = await subnetHosts(environment.runtime, name);
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

async function subnetHosts(
  runtime: string,
  name: string | undefined,
): Promise<SubnetHost[]> {
  const names = name === undefined ? subnetNames(runtime) : [name];
  const hosts: SubnetHost[] = [];
  for (const name of names) {
    try {
      const path = subnetSocketPath(runtime, name);
      const client = await IpcClient.connect(path, `Subnet ${name}`);
      hosts.push({ name, client });
    } catch {
      // No process listens at this path, or it belongs to another user.
    }
  }
  return hosts;
}

async function subnetOfInterface(
  environment: CliEnvironment,
  netns: string | undefined,
  name: string | undefined,
): Promise<SubnetRecord> {
  const targets = await openAll(environment, netns);
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
  if (refusal !== undefined) throw refusal;
  return notRunning(name);
}

function notRunning(name: string | undefined): never {
  throw new IpoibError(
    "E_NOT_RUNNING",
    name === undefined
      ? "No subnet is running"
      : `Subnet ${name} is not running`,
    { hint: "start it with ipoib subnet run, or an interface with ipoib up" },
  );
}
