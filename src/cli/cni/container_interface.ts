/**
 * The interface of a container: a child of the parent interface, moved to the network namespace of the container.
 *
 * The child is created in the namespace of the parent under a temporary name that depends on container and interface,
 * so that a later call finds what an interrupted one has left.
 */

import { createHash } from "node:crypto";
import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import { RUNNING } from "../../ipc/schema.ts";
import type { CliEnvironment } from "../environment.ts";
import { openInterface, type Target } from "../session.ts";
import type { Attachment } from "./call.ts";
import type { NetworkConfig } from "./config.ts";
import type { AttachedInterface, IpamResult } from "./result.ts";

/** Time for the control socket to follow the interface to another namespace. */
const MOVE_LIMIT_MS = 10_000;
/** Time for the interface to join its broadcast group. */
const READY_LIMIT_MS = 20_000;
const POLL_MS = 50;

/**
 * Creates the interface with the addresses and routes. If that fails, deletes it, and throws the error of the daemon,
 * `E_CNI_WAIT`, or `E_CNI_EXISTS` (EEXIST) if the container has an interface of this name.
 */
export async function attach(
  environment: CliEnvironment,
  config: NetworkConfig,
  attachment: Attachment & { readonly netns: string },
  assigned: IpamResult,
): Promise<AttachedInterface> {
  const { netns, ifname } = attachment;
  const name = temporaryName(attachment);
  await create(environment, config, netns, name);
  await rename(environment, netns, name, ifname);
  try {
    using child = await moved(environment, netns, ifname);
    return await configure(child, netns, assigned);
  } catch (error) {
    await remove(environment, netns, ifname).catch(() => {});
    throw error;
  }
}

/** Sets addresses and routes, and waits until the interface carries traffic. */
async function configure(
  child: Target,
  netns: string,
  { ips, routes }: IpamResult,
): Promise<AttachedInterface> {
  const { client, name } = child;
  // The containers on a partition share the port's GUID, from which `eui64` forms the link-local address.
  await client.call("link.set", { name, addrgenmode: "random" });
  await client.call("link.set", { name, up: true });
  for (const { address } of ips) {
    const flags = address.includes(":") ? { flags: ["nodad" as const] } : {};
    await client.call("addr.add", { name, local: address, ...flags });
  }
  for (const { dst, gw } of routes) {
    const gateway = gw ?? gatewayFor(dst, ips);
    await client.call("route.add", {
      ...{ name, dst },
      ...(gateway === undefined ? {} : { gateway }),
    });
  }
  return { name, mac: await ready(child), sandbox: netns };
}

/** Creates the child and moves it to the namespace of the container. Deletes it if it cannot be moved. */
async function create(
  environment: CliEnvironment,
  { master, pkey, mode, umcast, mtu }: NetworkConfig,
  netns: string,
  name: string,
): Promise<void> {
  using parent = await openInterface(environment, undefined, master);
  const { client } = parent;
  await client.call("link.add", {
    ...{ link: parent.name, name },
    ...(pkey === undefined ? {} : { pkey }),
    ...(mode === undefined ? {} : { mode }),
    ...(umcast === undefined ? {} : { umcast }),
  });
  try {
    if (mtu !== undefined) await client.call("link.set", { name, mtu });
    await client.call("link.set", { name, netns });
  } catch (error) {
    await client.call("link.del", { name }).catch(() => {});
    throw error;
  }
}

/**
 * Renames the child in the container, or deletes it. The kernel would move it too if one request did both and the name
 * were in use.
 */
async function rename(
  environment: CliEnvironment,
  netns: string,
  name: string,
  ifname: string,
): Promise<void> {
  try {
    using child = await moved(environment, netns, name);
    await child.client.call("link.set", { name, rename: ifname });
  } catch (error) {
    await remove(environment, netns, name).catch(() => {});
    throw IpoibError.from(error).errno === Errno.EEXIST
      ? nameTaken(ifname, error)
      : error;
  }
}

/** The runtime must not call ADD twice for an interface (CNI 1.0.0, section 2). */
function nameTaken(ifname: string, cause: unknown): IpoibError {
  return new IpoibError(
    "E_CNI_EXISTS",
    `The container has an interface ${ifname} already`,
    {
      errno: Errno.EEXIST,
      hint: "call DEL before another ADD, or choose another CNI_IFNAME",
      cause,
    },
  );
}

/** Deletes the interface in the container, and a child that an interrupted ADD has left. */
export async function detach(
  environment: CliEnvironment,
  { master }: NetworkConfig,
  attachment: Attachment,
): Promise<void> {
  const { netns, ifname } = attachment;
  const left = temporaryName(attachment);
  if (netns !== undefined) {
    await remove(environment, netns, ifname);
    await remove(environment, netns, left);
  }
  await remove(environment, undefined, left, master);
}

/** Deletes an interface unless it does not exist, nor its namespace, nor the process of `owner`. */
async function remove(
  environment: CliEnvironment,
  netns: string | undefined,
  name: string,
  owner = name,
): Promise<void> {
  try {
    using target = await openInterface(environment, netns, owner);
    await target.client.call("link.del", { name });
  } catch (error) {
    const { code } = IpoibError.from(error);
    const gone = ["E_NOT_RUNNING", "E_NO_INTERFACE", "E_NETNS", "E_IPC_CLOSED"];
    if (!gone.includes(code)) throw error;
  }
}

/** Returns a name of 15 characters. */
function temporaryName({ containerId, ifname }: Attachment): string {
  const hash = createHash("sha256").update(`${containerId}/${ifname}`);
  return `cni${hash.digest("hex").slice(0, 12)}`;
}

/** Connects to the interface when its control socket has followed it to the namespace. */
async function moved(
  environment: CliEnvironment,
  netns: string,
  ifname: string,
): Promise<Target> {
  const limit = performance.now() + MOVE_LIMIT_MS;
  for (;;) {
    try {
      return await openInterface(environment, netns, ifname);
    } catch (error) {
      const { code } = IpoibError.from(error);
      if (code !== "E_NOT_RUNNING" || performance.now() > limit) throw error;
    }
    await pause();
  }
}

/** Waits until the interface carries traffic, and returns its link-layer address. Throws `E_CNI_WAIT`. */
async function ready({ client, name }: Target): Promise<string> {
  const limit = performance.now() + READY_LIMIT_MS;
  for (;;) {
    const [link] = await client.call("link.show", { name });
    if (link!.state === RUNNING) return link!.address;
    if (performance.now() > limit) {
      throw new IpoibError(
        "E_CNI_WAIT",
        `${name} is not ready after ${READY_LIMIT_MS / 1000} s: ${link!.state}`,
        { hint: "see `ipoib -d link show` for the parent interface" },
      );
    }
    await pause();
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, POLL_MS));
}

/** Returns the gateway of the first address of the same family as `dst`. */
function gatewayFor(
  dst: string,
  ips: IpamResult["ips"],
): string | undefined {
  const ipv6 = dst.includes(":");
  return ips.find(({ address, gateway }) =>
    gateway !== undefined && address.includes(":") === ipv6
  )?.gateway;
}
