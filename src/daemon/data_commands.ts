/** The methods of the control socket that concern the engine, as they run in the data worker. */

import { IpoibError } from "../base/errors.ts";
import type { HcaPort } from "../hca/hca.ts";
import type { Method, Params, Result } from "../ipc/schema.ts";
import { MAX_MTU, MIN_DATAGRAM_MTU } from "../ipoib/constants.ts";
import type { IpoibDevice } from "../ipoib/device.ts";
import type { IpoibInterface } from "../ipoib/interface.ts";
import type { SubnetSnapshot } from "../subnet/messages.ts";
import type { Reactor } from "../system/reactor.ts";
import { formatPkey } from "../base/units.ts";
import { parseIpv4 } from "../wire/ipv4_address.ts";
import {
  childRecord,
  linkRecord,
  mcgRecords,
  neighRecords,
  pathRecords,
  type RecordContext,
  statsRecord,
} from "./records.ts";
import type { Reply } from "./thread/worker_side.ts";

/** What commands work on. */
export interface CommandContext {
  device: IpoibDevice;
  port: HcaPort;
  reactor: Reactor;
  subnet: string;
  namespace: number;
  showSubnet(done: (subnet: SubnetSnapshot) => void): void;
  childrenChanged(): void;
}

type Command<M extends Method> = (
  context: CommandContext,
  params: Params<M>,
) => Result<M>;

const EINVAL = 22;
const EPERM = 1;
const ENOENT = 2;
const EOPNOTSUPP = 95;

const commands: { [M in Method]?: Command<M> } = {
  "link.show": (context, { name }) => {
    const record = recordContext(context);
    const { parent } = context.device;
    return which(context, name).map((each) => linkRecord(each, parent, record));
  },
  "link.set": (context, params) => {
    const each = one(context, params.name);
    if (params.mode === "connected") throw noConnectedMode(each.name);
    if (params.umcast) throw notSupported("umcast");
    if (params.mtu !== undefined) setMtu(context, each, params.mtu);
    if (params.up !== undefined) each.netdev.setUp(params.up);
    return {};
  },
  "neigh.show": (context, { name }) => {
    const now = context.reactor.clock.now();
    return which(context, name).flatMap((each) => neighRecords(each, now));
  },
  "neigh.flush": (context, { name, dst }) => {
    const address = dst === undefined ? undefined : parseIpv4(dst);
    if (dst !== undefined && address === undefined) {
      throw new IpoibError("E_ADDRESS", `"${dst}" is not an IPv4 address`, {
        errno: EINVAL,
      });
    }
    return { flushed: one(context, name).flushNeighbours(address) };
  },
  "path.show": (context, { name }) => which(context, name).flatMap(pathRecords),
  "mcg.show": (context, { name }) => {
    const now = context.reactor.clock.now();
    return which(context, name).flatMap((each) => mcgRecords(each, now));
  },
  "get": (context, { name, file }) => ({ value: read(context, name, file) }),
  "set": (context, { name, file, value }) => {
    write(context, name, file, value);
    return {};
  },
  "child.create": (context, { parent, pkey }) => {
    checkParent(context, parent);
    const child = context.device.createChild(pkey);
    context.childrenChanged();
    return childRecord(child, context.device.parent);
  },
  "child.delete": (context, { parent, pkey }) => {
    checkParent(context, parent);
    context.device.deleteChild(pkey);
    context.childrenChanged();
    return {};
  },
  "child.list": (context, { parent }) => {
    checkParent(context, parent);
    return context.device.children.map((child) =>
      childRecord(child.interface, context.device.parent)
    );
  },
  "stats": (context, { name }) => {
    const record = recordContext(context);
    return which(context, name).map((each) => statsRecord(each, record));
  },
  "debug.heap": (context) => {
    const memory = Deno.memoryUsage();
    const packets = context.device.interfaces().reduce((sum, each) => {
      const { totals } = each.statistics;
      return sum + totals.get("rx_packets") + totals.get("tx_packets");
    }, 0);
    return {
      heap_used: memory.heapUsed,
      heap_total: memory.heapTotal,
      external: memory.external,
      packets,
    };
  },
};

/** Runs a command and answers it. */
export function runCommand(
  context: CommandContext,
  name: string,
  params: unknown,
  reply: Reply,
): void {
  if (name === "subnet.show") {
    const asked = (params as { name?: string }).name;
    if (asked !== undefined && asked !== context.subnet) {
      throw new IpoibError(
        "E_SUBNET_NAME",
        `This interface is on subnet ${context.subnet}, not ${asked}`,
        { errno: ENOENT },
      );
    }
    context.showSubnet((subnet) => reply.ok(subnet));
    return;
  }
  // The table ties each command to its own parameters; the socket has checked them.
  const command = commands[name as Method] as
    | ((context: CommandContext, params: unknown) => unknown)
    | undefined;
  if (!command) {
    throw new IpoibError("E_IPC_METHOD", `Method "${name}" is not known`, {
      errno: EOPNOTSUPP,
    });
  }
  reply.ok(command(context, params));
}

function recordContext(context: CommandContext): RecordContext {
  return {
    port: context.port.attributes,
    counters: context.port.counters(),
    subnet: context.subnet,
    namespace: context.namespace,
    now: context.reactor.clock.now(),
  };
}

function one(
  context: CommandContext,
  name: string | undefined,
): IpoibInterface {
  if (name === undefined) return context.device.parent;
  const found = context.device.find(name);
  if (found) return found;
  throw new IpoibError("E_NO_INTERFACE", `Interface ${name} is not here`, {
    errno: 19,
    hint: "see `ipoib link show`",
  });
}

/** The interface of that name, or the parent and its children. */
function which(
  context: CommandContext,
  name: string | undefined,
): IpoibInterface[] {
  return name === undefined
    ? context.device.interfaces()
    : [one(context, name)];
}

function checkParent(context: CommandContext, parent: string | undefined) {
  const each = one(context, parent);
  if (each !== context.device.parent) {
    throw new IpoibError("E_NOT_PARENT", `${each.name} is a child itself`, {
      errno: EINVAL,
      hint: `use ${context.device.parent.name}`,
    });
  }
}

function setMtu(context: CommandContext, each: IpoibInterface, mtu: number) {
  const most = Math.min(MAX_MTU, context.port.attributes.maxMtu - 4);
  if (mtu < MIN_DATAGRAM_MTU || mtu > most) {
    throw new IpoibError(
      "E_MTU",
      `MTU ${mtu} of ${each.name} is out of range in datagram mode`,
      { errno: EINVAL, hint: `use ${MIN_DATAGRAM_MTU} to ${most}` },
    );
  }
  each.setAdminMtu(mtu);
}

/** The driver's files in /sys/class/net/<if>/, and the kernel's own that users ask for. */
function read(context: CommandContext, name: string, file: string): string {
  const each = one(context, name);
  const { parent } = context.device;
  switch (file) {
    case "mode":
      return "datagram";
    case "umcast":
      return "0";
    case "pkey":
      return formatPkey(each.pkey);
    case "mtu":
      return String(each.netdev.config.mtu);
    case "parent":
      if (each !== parent) return parent.name;
      break;
    case "create_child":
    case "delete_child":
      if (each === parent) {
        throw new IpoibError("E_FILE_MODE", `${file} can only be written`, {
          errno: EPERM,
        });
      }
  }
  throw noFile(each, file);
}

function write(
  context: CommandContext,
  name: string,
  file: string,
  value: string,
): void {
  const each = one(context, name);
  const isParent = each === context.device.parent;
  if (file === "mode") {
    if (value === "connected") throw noConnectedMode(name);
    if (value === "datagram") return;
    throw new IpoibError("E_VALUE", `Mode "${value}" is not known`, {
      errno: EINVAL,
      hint: "use datagram or connected",
    });
  }
  if (file === "mtu") return setMtu(context, each, Number(value));
  if (file === "umcast") {
    if (Number(value) > 0) throw notSupported("umcast");
    return;
  }
  if (file === "pkey" || file === "parent") {
    throw new IpoibError("E_FILE_MODE", `${file} can only be read`, {
      errno: EPERM,
    });
  }
  if (isParent && (file === "create_child" || file === "delete_child")) {
    const pkey = Number(value);
    if (!Number.isInteger(pkey)) {
      throw new IpoibError("E_PKEY_INVALID", `"${value}" is not a P_Key`, {
        errno: EINVAL,
      });
    }
    if (file === "create_child") context.device.createChild(pkey);
    else context.device.deleteChild(pkey);
    context.childrenChanged();
    return;
  }
  throw noFile(each, file);
}

function noFile(each: IpoibInterface, file: string): IpoibError {
  return new IpoibError("E_NO_FILE", `${each.name} has no file ${file}`, {
    errno: ENOENT,
    hint:
      "files are mode, umcast, pkey, mtu, parent, create_child, delete_child",
  });
}

function noConnectedMode(name: string): IpoibError {
  return new IpoibError(
    "E_MODE",
    `${name} cannot use connected mode: it is not part of this version`,
    { errno: EINVAL, hint: "use datagram" },
  );
}

function notSupported(what: string): IpoibError {
  return new IpoibError("E_NOT_SUPPORTED", `${what} is not supported`, {
    errno: EOPNOTSUPP,
  });
}
