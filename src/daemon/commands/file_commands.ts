/**
 * Commands `get` and `set`: the sysfs attributes of ib_ipoib in `/sys/class/net/IF/`, and some generic attributes.
 *
 * The set of attributes of each kind of interface, the parsing of values and the refusals follow ib_ipoib (Linux
 * ipoib_main.c, ipoib_cm.c, ipoib_vlan.c). Values have no trailing newline, unlike text that `echo` writes.
 */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import { formatPkey } from "../../base/units.ts";
import { SYSFS_FILES } from "../../ipc/schema.ts";
import type { IpoibInterface } from "../../ipoib/interface.ts";
import type { Later } from "../thread/commands.ts";
import {
  type CommandContext,
  type DataCommands,
  findInterface,
} from "./context.ts";
import { parseUnsigned, scanInteger, scanUnsigned } from "./kernel_numbers.ts";
import {
  groupLinkAddress,
  LINK_ADDRESS_LENGTH,
  linkAddressText,
} from "../../wire/link_address.ts";
import { invalid } from "./settings.ts";

type Done = Record<string, never>;

/** Operations of an attribute. At least one of them is present. */
interface SysfsFile {
  read?(context: CommandContext, iface: IpoibInterface): string;
  write?(
    context: CommandContext,
    iface: IpoibInterface,
    value: string,
  ): void | Done | Later<Done>;
}

type Files = Partial<Record<typeof SYSFS_FILES[number], SysfsFile>>;

/** Generic attributes, which every interface has, and those whose values for a TAP differ from those of ib_ipoib. */
const common: Files = {
  address: { read: (_context, { address }) => linkAddressText(address) },
  broadcast: {
    read: (_context, { broadcastMgid }) =>
      linkAddressText(groupLinkAddress(broadcastMgid)),
  },
  "addr_len": { read: () => String(LINK_ADDRESS_LENGTH) },
  mtu: {
    read: (_context, iface) => String(iface.netdev.config.mtu),
    write: (_context, iface, value) =>
      iface.mtu.set(parseUnsigned(value) ?? invalid("mtu", value)),
  },
  "dev_id": {
    read: ({ port }) => {
      const id = port.attributes.port - 1;
      return id === 0 ? "0" : `0x${id.toString(16)}`;
    },
  },
  "dev_port": { read: ({ port }) => String(port.attributes.port - 1) },
};

/** Attributes of ib_ipoib for parents and for children created with `create_child`. */
const driver: Files = {
  mode: {
    read: (_context, { connected }) => connected.mode,
    write: (_context, { connected }, value) => {
      if (value !== "datagram" && value !== "connected") {
        invalid("mode", value, "use datagram or connected");
      }
      connected.setMode(value);
    },
  },
  umcast: {
    read: (_context, { umcast }) => umcast ? "1" : "0",
    write: (_context, iface, value) => {
      // ib_ipoib tests the value as a signed 32-bit integer.
      iface.umcast = BigInt.asIntN(32, scanUnsigned(value)) > 0n;
    },
  },
  pkey: { read: (_context, { pkey }) => formatPkey(pkey) },
};

/** Attributes of ib_ipoib for parents. */
const parentOnly: Files = {
  "create_child": {
    write: (context, _each, value) => {
      const pkey = scanInteger(value) ?? invalid("create_child", value);
      const { children, device } = context;
      return children.create(device.nameFor(pkey), (open) => {
        device.createChild(pkey, open);
        return {};
      });
    },
  },
  "delete_child": {
    write: (context, _each, value) => {
      const pkey = scanInteger(value) ?? invalid("delete_child", value);
      context.device.deleteChild(pkey);
      return context.children.afterDeletion({});
    },
  },
};

/** Attributes of ib_ipoib for children created with `create_child`. */
const legacyChildOnly: Files = {
  parent: { read: ({ device }) => device.parent.name },
};

export const fileCommands = {
  "get": (context, { name, file }) => {
    const iface = findInterface(context, name);
    const { read } = find(context, iface, file);
    if (read) return { value: read(context, iface) };
    throw forbidden(file, "written");
  },
  "file.show": (context, { name }) => {
    const iface = findInterface(context, name);
    const files = filesOf(context, iface);
    return SYSFS_FILES.flatMap((file) => {
      const found = files[file];
      if (!found) return [];
      const { read, write } = found;
      const value = read ? { value: read(context, iface) } : {};
      return [{ file, ...value, writable: write !== undefined }];
    });
  },
  "set": (context, { name, file, value }) => {
    const iface = findInterface(context, name);
    const { write } = find(context, iface, file);
    if (!write) throw forbidden(file, "read");
    return write(context, iface, value) ?? {};
  },
} satisfies Partial<DataCommands>;

/** Returns the attributes of an interface. */
function filesOf({ device }: CommandContext, iface: IpoibInterface): Files {
  const kind = device.kindOf(iface);
  return {
    ...(kind === "rtnl" ? {} : driver),
    ...(kind === undefined ? parentOnly : {}),
    ...(kind === "legacy" ? legacyChildOnly : {}),
    ...common,
  };
}

/** Returns an attribute of an interface. Throws `E_NO_FILE` (ENOENT). */
function find(
  context: CommandContext,
  iface: IpoibInterface,
  file: string,
): SysfsFile {
  const files: Record<string, SysfsFile> = filesOf(context, iface);
  if (Object.hasOwn(files, file)) return files[file]!;
  throw new IpoibError("E_NO_FILE", `${iface.name} has no attribute ${file}`, {
    errno: Errno.ENOENT,
    hint: `available attributes: ${Object.keys(files).join(", ")}`,
  });
}

/** Returns the error of opening a sysfs file in a mode that it does not allow. */
function forbidden(file: string, allowed: "read" | "written"): IpoibError {
  return new IpoibError(
    "E_FILE_MODE",
    `Attribute ${file} can only be ${allowed}`,
    { errno: Errno.EACCES },
  );
}
