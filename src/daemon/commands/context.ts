/** Context of the commands of the data worker, and lookup of the interface that a command names. */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import type { LimitedLog } from "../../base/log.ts";
import type { ConnectionManager } from "../../cm/connection_manager.ts";
import type { HcaPort } from "../../hca/hca.ts";
import type { IpoibDevice, OpenNetdev } from "../../ipoib/device.ts";
import type { IpoibInterface } from "../../ipoib/interface.ts";
import type { SaClient } from "../../sa/client.ts";
import type { PortMemberships } from "../../sa/port_memberships.ts";
import type { SubnetSnapshot } from "../../subnet/messages.ts";
import type { Reactor } from "../../system/reactor.ts";
import type { Captures } from "../capture/captures.ts";
import { logDestination } from "../log_output.ts";
import type { RecordContext } from "../records/stats_record.ts";
import type { Commands, Later, MethodCalls } from "../thread/commands.ts";

/** The network devices of children, whose creation and deletion take several turns of the reactor. */
export interface ChildDevices {
  /**
   * Creates a network device, and returns the result of `use`, which creates a child with `open`, or with the function
   * of the {@linkcode IpoibDevice} if there is none. Fails with the errors of `openTap()`, `openNetdev()` and `use`.
   */
  create<T>(name: string, use: (open?: OpenNetdev) => T): Later<T>;
  /** Returns `result` when the devices of removed children are deleted. */
  afterDeletion<T>(result: T): Later<T>;
}

/** The objects that the commands use. */
export interface CommandContext {
  device: IpoibDevice;
  port: HcaPort;
  memberships: PortMemberships;
  /** Client of the port's subnet administrator. */
  sa: Pick<SaClient, "get">;
  /** Connection manager of the port; undefined if the port has no connection management. */
  connections?: ConnectionManager | undefined;
  children: ChildDevices;
  captures: Pick<Captures, "start">;
  reactor: Reactor;
  /** The log of the data worker. */
  log: Pick<LimitedLog, "level">;
  /** Name of the embedded subnet; undefined for a verbs device. */
  subnet: string | undefined;
  /** Inode of the network namespace in which the call looks up names; undefined for no preference. */
  namespace?: bigint | undefined;
  /** Fetches a snapshot from the subnet manager. Throws `E_SUBNET_NAME` for a verbs device. */
  showSubnet(done: (subnet: SubnetSnapshot) => void): void;
}

/** The calls that the data worker serves. */
export type DataCalls = MethodCalls<"interface">;

/** The commands of the data worker, by name. */
export type DataCommands = Commands<CommandContext, DataCalls>;

/** Collects the attributes and counters of the port for records. */
export function recordContext(context: CommandContext): RecordContext {
  return {
    port: context.port.attributes,
    counters: {
      ...context.port.counters(),
      ...context.memberships.counters(),
      ...connectionCounters(context.connections),
    },
    subnet: context.subnet,
    log: { destination: logDestination(), level: context.log.level },
    now: context.reactor.clock.now(),
  };
}

/** Returns the counters of the connection manager, with the prefix `cm_`. */
function connectionCounters(
  connections: ConnectionManager | undefined,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(connections?.counters() ?? {}).map((
      [name, count],
    ) => [`cm_${name}`, count]),
  );
}

/**
 * Returns the interface with this name in the namespace of the call, by default the parent. Throws `E_NO_INTERFACE`
 * (ENODEV).
 */
export function findInterface(
  context: CommandContext,
  name: string | undefined,
): IpoibInterface {
  if (name === undefined) return context.device.parent;
  const found = context.device.find(name, context.namespace);
  if (found) return found;
  throw new IpoibError("E_NO_INTERFACE", `Interface ${name} does not exist`, {
    errno: Errno.ENODEV,
    hint: "see `ipoib link show`",
  });
}

/**
 * Returns the interface with this name, by default the parent and its children in the same namespace. Throws
 * `E_NO_INTERFACE` (ENODEV).
 */
export function findInterfaces(
  context: CommandContext,
  name: string | undefined,
): IpoibInterface[] {
  if (name !== undefined) return [findInterface(context, name)];
  const { device } = context;
  const { inode } = device.parent.netdev.config.namespace;
  return device.interfaces().filter(({ netdev }) =>
    netdev.config.namespace.inode === inode
  );
}

/** Throws `E_NOT_PARENT` (EINVAL) if `name` is a child, `E_NO_INTERFACE` (ENODEV) if it does not exist. */
export function checkParent(context: CommandContext, name: string | undefined) {
  const iface = findInterface(context, name);
  if (iface === context.device.parent) return;
  throw new IpoibError("E_NOT_PARENT", `${iface.name} is a child interface`, {
    errno: Errno.EINVAL,
    hint: `use its parent ${context.device.parent.name}`,
  });
}
