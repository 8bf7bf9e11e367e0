/** Finding the process that hosts a subnet's manager, or an interface on the subnet. */

import { IpoibError } from "../base/errors.ts";
import { IpcClient } from "../ipc/client.ts";
import { subnetSocketPath } from "../ipc/locate.ts";
import type { SubnetRecord } from "../ipc/schema.ts";
import { isSubnetName } from "../ipc/up_options.ts";
import type { CliEnvironment } from "./environment.ts";
import { usageError } from "./errors.ts";
import { openAll } from "./session.ts";

/** A connection to the process that hosts a subnet's manager. */
interface SubnetHost {
  /** The subnet. */
  name: string;
  client: IpcClient;
}

/**
 * Connects to the host of the subnet of that name, or of the only one that runs.
 *
 * Throws `E_NOT_RUNNING`, `E_AMBIGUOUS` with the choices, `E_USAGE` for what cannot be a subnet's name.
 */
export async function openSubnet(
  environment: CliEnvironment,
  name?: string,
): Promise<IpcClient> {
  return await findHost(environment, name) ?? notRunning(name);
}

/**
 * The subnet of that name, or the one that can be found: from the host of its manager, else from an interface on it.
 *
 * Throws `E_NOT_RUNNING`, `E_AMBIGUOUS` with the choices, `E_USAGE` for what cannot be a subnet's name.
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
