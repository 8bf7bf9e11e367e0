/** What the commands of the control socket work on, and which interface they mean. */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import type { HcaPort } from "../../hca/hca.ts";
import type { IpoibDevice } from "../../ipoib/device.ts";
import type { IpoibInterface } from "../../ipoib/interface.ts";
import type { PortMemberships } from "../../sa/port_memberships.ts";
import type { SubnetSnapshot } from "../../subnet/messages.ts";
import type { Reactor } from "../../system/reactor.ts";
import type { RecordContext } from "../records.ts";
import type { Commands, MethodCalls } from "../thread/commands.ts";

/** What commands work on. */
export interface CommandContext {
  device: IpoibDevice;
  port: HcaPort;
  memberships: PortMemberships;
  reactor: Reactor;
  /** The embedded subnet; absent on a real fabric. */
  subnet: string | undefined;
  /** Throws `E_SUBNET_NAME` where there is no embedded subnet. */
  showSubnet(done: (subnet: SubnetSnapshot) => void): void;
}

/** What the data worker is called with. */
export type DataCalls = MethodCalls<"interface">;

/** Its commands by name. */
export type DataCommands = Commands<CommandContext, DataCalls>;

export function recordContext(context: CommandContext): RecordContext {
  return {
    port: context.port.attributes,
    counters: {
      ...context.port.counters(),
      ...context.memberships.counters(),
    },
    subnet: context.subnet,
    now: context.reactor.clock.now(),
  };
}

/** The interface of that name, or the parent; throws `E_NO_INTERFACE` (ENODEV). */
export function one(
  context: CommandContext,
  name: string | undefined,
): IpoibInterface {
  if (name === undefined) return context.device.parent;
  const found = context.device.find(name);
  if (found) return found;
  throw new IpoibError("E_NO_INTERFACE", `Interface ${name} is not here`, {
    errno: Errno.ENODEV,
    hint: "see `ipoib link show`",
  });
}

/** The interface of that name, or the parent and its children. */
export function which(
  context: CommandContext,
  name: string | undefined,
): IpoibInterface[] {
  return name === undefined
    ? context.device.interfaces()
    : [one(context, name)];
}

/** Throws `E_NOT_PARENT` (EINVAL) for the name of a child. */
export function checkParent(context: CommandContext, name: string | undefined) {
  const each = one(context, name);
  if (each === context.device.parent) return;
  throw new IpoibError("E_NOT_PARENT", `${each.name} is a child itself`, {
    errno: Errno.EINVAL,
    hint: `use ${context.device.parent.name}`,
  });
}
