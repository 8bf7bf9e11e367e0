/** The commands of the CNI plugin (CNI 1.0.0, section 2). */

import { IpoibError } from "../../base/errors.ts";
import type { CliEnvironment } from "../environment.ts";
import { openInterface } from "../session.ts";
import {
  type Attachment,
  type CniCommand,
  pluginDirectories,
  readAttachment,
  readCommand,
} from "./call.ts";
import {
  type NetworkConfig,
  parseConfig,
  versionOf,
  VERSIONS,
} from "./config.ts";
import { attach, detach } from "./container_interface.ts";
import { errorObject } from "./errors.ts";
import { Ipam } from "./ipam.ts";
import { addResult } from "./result.ts";

/** Result of a call: the object for standard output, if any, and the exit code. */
export interface PluginOutcome {
  readonly output: object | undefined;
  readonly code: 0 | 1;
}

/** Runs the command in the environment with the network configuration `input`. Does not throw. */
export async function runCniCommand(
  environment: CliEnvironment,
  input: string,
): Promise<PluginOutcome> {
  try {
    const command = readCommand(environment.cniVariable);
    return { output: await run(environment, command, input), code: 0 };
  } catch (error) {
    const failure = IpoibError.from(error);
    return { output: errorObject(versionOf(input), failure), code: 1 };
  }
}

async function run(
  environment: CliEnvironment,
  command: CniCommand,
  input: string,
): Promise<object | undefined> {
  if (command === "VERSION") {
    return {
      cniVersion: VERSIONS[0],
      supportedVersions: VERSIONS.toReversed(),
    };
  }
  const config = parseConfig(input);
  const attachment = readAttachment(environment.cniVariable, command);
  const directories = pluginDirectories(environment.cniVariable);
  const ipam = new Ipam(environment, directories, config, input);
  switch (command) {
    case "ADD":
      return await add(environment, config, attachment, ipam);
    case "DEL":
      await ipam.del();
      await detach(environment, config, attachment);
      return undefined;
    case "CHECK":
      await ipam.check();
      await check(environment, config, attachment);
      return undefined;
  }
}

/** Creates the interface. If that fails, the addresses are returned. */
async function add(
  environment: CliEnvironment,
  config: NetworkConfig,
  attachment: Attachment,
  ipam: Ipam,
): Promise<object> {
  const { netns = "" } = attachment;
  // Fails if the namespace does not exist, before anything is changed.
  await environment.namespace(netns);
  const assigned = await ipam.add();
  try {
    const place = { ...attachment, netns };
    const attached = await attach(environment, config, place, assigned);
    const dns = assigned.dns ?? config.dns;
    return addResult(config.cniVersion, attached, {
      ...assigned,
      ...(dns === undefined ? {} : { dns }),
    });
  } catch (error) {
    // The failure must not be hidden by another one. The runtime calls DEL after a failed ADD.
    await ipam.del().catch(() => {});
    throw error;
  }
}

/** Compares the interface with the result of ADD. Throws `E_CNI_CHECK`, and `E_NOT_RUNNING` if it is missing. */
async function check(
  environment: CliEnvironment,
  { prevResult, pkey }: NetworkConfig,
  { netns, ifname }: Attachment,
): Promise<void> {
  using target = await openInterface(environment, netns, ifname)
    .catch((error) => {
      throw IpoibError.from(error).code === "E_NOT_RUNNING"
        ? missing(ifname, error)
        : error;
    });
  const { client, name } = target;
  const [link] = await client.call("link.show", { name });
  const expect = (what: string, wanted: string, found: string | undefined) => {
    if (found === wanted) return;
    throw new IpoibError(
      "E_CNI_CHECK",
      `${ifname} has ${what} ${found ?? "none"} instead of ${wanted}`,
    );
  };
  if (pkey !== undefined) {
    const membership = (value: number) => (value & 0x7fff).toString(16);
    expect("P_Key", membership(pkey), membership(Number(link!.pkey)));
  }
  const before = prevResult?.interfaces.find((each) => each.name === ifname);
  if (before?.mac !== undefined) {
    // The flags and the QPN before it change with an upgrade or a restart of the parent's process.
    expect("GID", gidBytes(before.mac), gidBytes(link!.address));
  }
  const [addresses] = await client.call("addr.show", { name });
  const present = addresses!.addr_info.map(({ local, prefixlen }) =>
    `${local}/${prefixlen}`
  );
  for (const { address } of prevResult?.ips ?? []) {
    expect("address", address, present.find((each) => each === address));
  }
}

function missing(ifname: string, cause: unknown): IpoibError {
  return new IpoibError(
    "E_NOT_RUNNING",
    `The container has no interface ${ifname} of this plugin`,
    {
      hint:
        "it was deleted, or the process of its parent has ended: ADD creates it",
      cause,
    },
  );
}

/** Returns the GID of a link-layer address as its bytes are written there. */
function gidBytes(address: string): string {
  return address.split(":").slice(-16).join(":");
}
