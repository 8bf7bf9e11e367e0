/** Commands of `ipoib link` and `ipoib child`. */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import { FULL_MEMBER } from "../../base/units.ts";
import type { Params } from "../../ipc/schema.ts";
import { checkPkey } from "../../ipoib/device.ts";
import type { IpoibInterface } from "../../ipoib/interface.ts";
import type { LinkChanges } from "../../netdev/netdev.ts";
import { openNamespace } from "../../system/namespace.ts";
import {
  linkAddressBytes,
  parseLinkAddressText,
} from "../../wire/link_address.ts";
import {
  checkParent,
  type DataCommands,
  findInterface,
  findInterfaces,
  recordContext,
} from "./context.ts";
import { childRecord, linkRecord } from "../records/link_record.ts";

/** Offset of the interface identifier in a link-layer address. */
const GUID_OFFSET = 12;

export const linkCommands = {
  "link.show": (context, { name }) => {
    const record = recordContext(context);
    const { parent } = context.device;
    return findInterfaces(context, name).map((iface) =>
      linkRecord(iface, parent, record)
    );
  },
  "link.set": (context, params) => {
    const iface = findInterface(context, params.name);
    const { mode, umcast, mtu, address, netns } = params;
    if (mode !== undefined) iface.connected.check(mode);
    if (address !== undefined) checkAddress(iface, address);
    using parts = new DisposableStack();
    const namespace = netns === undefined
      ? undefined
      : findNamespace(netns, parts);
    if (umcast !== undefined) iface.umcast = umcast;
    if (mode !== undefined) iface.connected.setMode(mode);
    if (mtu !== undefined) iface.mtu.set(mtu);
    const changes = kernelChanges(params, namespace);
    if (Object.keys(changes).length > 0) iface.netdev.change(changes);
    return {};
  },
  "link.add": (context, { link, name, pkey, mode, umcast }) => {
    checkParent(context, link);
    const { children, device } = context;
    if (mode !== undefined) device.parent.connected.check(mode, name);
    checkPkey(pkey ?? device.parent.pkey);
    return children.create(name, (open) => {
      const child = device.addChild(name, pkey, open);
      child.umcast = umcast ?? false;
      if (mode !== undefined) child.connected.setMode(mode);
      return {};
    });
  },
  "link.del": (context, { name }) => {
    const deleted = context.device.removeChild(findInterface(context, name));
    return context.children.afterDeletion({ deleted });
  },
  "child.create": (context, { parent, pkey }) => {
    checkParent(context, parent);
    const { children, device } = context;
    return children.create(
      device.nameFor(pkey),
      (open) => childRecord(device.createChild(pkey, open), device),
    );
  },
  "child.delete": (context, { parent, pkey }) => {
    checkParent(context, parent);
    // create_child sets the bit, which delete_child of the driver requires; here the P_Key that was created deletes it.
    context.device.deleteChild(pkey | FULL_MEMBER);
    return context.children.afterDeletion({});
  },
  "child.list": (context, { parent }) => {
    checkParent(context, parent);
    return context.device.children.map((child) =>
      childRecord(child.interface, context.device)
    );
  },
} satisfies Partial<DataCommands>;

/**
 * Finds the namespace given by NAME, PID or PATH; `parts` closes it. This process may lack the right to open that of
 * another process (ptrace(2), PTRACE_MODE_READ_FSCREDS); the kernel then looks it up by the PID. Throws `E_NETNS`.
 */
function findNamespace(
  spec: string,
  parts: DisposableStack,
): LinkChanges["netns"] {
  try {
    return { fd: parts.use(openNamespace(spec)).number };
  } catch (error) {
    const pid = /^(?:\/proc\/)?([0-9]{1,9})(?:\/ns\/net)?$/.exec(spec)?.[1];
    if (pid === undefined || IpoibError.from(error).errno !== Errno.EACCES) {
      throw error;
    }
    return { pid: Number(pid) };
  }
}

/** Returns the changes that the kernel makes. */
function kernelChanges(
  params: Params<"link.set">,
  netns: LinkChanges["netns"],
): LinkChanges {
  const { rename, txqlen, linkmode, addrgenmode } = params;
  const changes: LinkChanges = {
    up: params.up,
    name: rename,
    alias: params.alias,
    txQueueLength: txqlen,
    group: params.group,
    netns,
    linkMode: linkmode,
    addrGenMode: addrgenmode,
    arp: params.arp,
    multicast: params.multicast,
    allmulticast: params.allmulticast,
    promisc: params.promisc,
    dynamic: params.dynamic,
  };
  return Object.fromEntries(
    Object.entries(changes).filter(([, value]) => value !== undefined),
  );
}

/**
 * Checks a new link-layer address. As in Linux ipoib_set_mac, only the interface identifier of the GID may differ; and
 * it must be that of the port, because the interface uses no other GID. Throws `E_ADDRESS` (EINVAL, EADDRNOTAVAIL).
 */
function checkAddress({ name, address }: IpoibInterface, text: string): void {
  const bytes = parseLinkAddressText(text);
  const own = linkAddressBytes(address);
  const valid = bytes !== undefined &&
    bytes.subarray(GUID_OFFSET).some((byte) => byte !== 0) &&
    own.subarray(0, GUID_OFFSET).every((byte, i) => byte === bytes[i]);
  if (!valid) {
    throw new IpoibError("E_ADDRESS", `Invalid address "${text}" of ${name}`, {
      errno: Errno.EINVAL,
      hint: "only the last 8 bytes of the address may differ",
    });
  }
  if (own.every((byte, i) => byte === bytes[i])) return;
  throw new IpoibError("E_ADDRESS", `The port of ${name} has no such GID`, {
    errno: Errno.EADDRNOTAVAIL,
    hint: "choose the GUID with `ipoib up --guid`",
  });
}
