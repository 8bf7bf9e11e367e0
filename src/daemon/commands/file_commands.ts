/**
 * `get` and `set`: the files in `/sys/class/net/IF/` by name, the driver's and those of the kernel's own that users ask for.
 *
 * Which interface has which, how a value is read and what is refused is ib_ipoib's (Linux ipoib_main.c, ipoib_cm.c,
 * ipoib_vlan.c); the value comes without the line end that `echo` writes.
 */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import { formatPkey } from "../../base/units.ts";
import type { IpoibInterface } from "../../ipoib/interface.ts";
import { type CommandContext, type DataCommands, one } from "./context.ts";
import { parseUnsigned, scanInteger, scanUnsigned } from "./kernel_numbers.ts";
import { checkMode, setMtu } from "./settings.ts";

/** What a file does; one of the two at least. */
interface SysfsFile {
  read?(context: CommandContext, each: IpoibInterface): string;
  write?(context: CommandContext, each: IpoibInterface, value: string): void;
}

/** The generic files, which every interface has. */
const common: Record<string, SysfsFile> = {
  mtu: {
    read: (_context, each) => String(each.netdev.config.mtu),
    write: (context, each, value) =>
      setMtu(context, each, parseUnsigned(value) ?? invalid("mtu", value)),
  },
  "dev_id": {
    read: ({ port }) => {
      const id = port.attributes.port - 1;
      return id === 0 ? "0" : `0x${id.toString(16)}`;
    },
  },
  "dev_port": { read: ({ port }) => String(port.attributes.port - 1) },
};

/** The driver's, of the parent and of what `create_child` made. */
const driver: Record<string, SysfsFile> = {
  mode: {
    read: () => "datagram",
    write: (context, { name }, value) => {
      if (value !== "datagram" && value !== "connected") {
        invalid("mode", value, "use datagram or connected");
      }
      checkMode(context, name, value);
    },
  },
  umcast: {
    read: (_context, { umcast }) => umcast ? "1" : "0",
    write: (_context, each, value) => {
      // It is 32 bits with a sign when it is looked at.
      each.umcast = BigInt.asIntN(32, scanUnsigned(value)) > 0n;
    },
  },
  pkey: { read: (_context, { pkey }) => formatPkey(pkey) },
};

const parentOnly: Record<string, SysfsFile> = {
  "create_child": {
    write: (context, _each, value) => {
      const pkey = scanInteger(value) ?? invalid("create_child", value);
      context.device.createChild(pkey);
    },
  },
  "delete_child": {
    write: (context, _each, value) => {
      const pkey = scanInteger(value) ?? invalid("delete_child", value);
      context.device.deleteChild(pkey);
    },
  },
};

const legacyChildOnly: Record<string, SysfsFile> = {
  parent: { read: ({ device }) => device.parent.name },
};

export const fileCommands = {
  "get": (context, { name, file }) => {
    const each = one(context, name);
    const { read } = find(context, each, file);
    if (read) return { value: read(context, each) };
    throw forbidden(file, "written");
  },
  "set": (context, { name, file, value }) => {
    const each = one(context, name);
    const { write } = find(context, each, file);
    if (!write) throw forbidden(file, "read");
    write(context, each, value);
    return {};
  },
} satisfies Partial<DataCommands>;

/** Throws `E_NO_FILE` (ENOENT). */
function find(
  { device }: CommandContext,
  each: IpoibInterface,
  file: string,
): SysfsFile {
  const kind = device.kindOf(each);
  const files: Record<string, SysfsFile> = {
    ...(kind === "rtnl" ? {} : driver),
    ...(kind === undefined ? parentOnly : {}),
    ...(kind === "legacy" ? legacyChildOnly : {}),
    ...common,
  };
  if (Object.hasOwn(files, file)) return files[file]!;
  throw new IpoibError("E_NO_FILE", `${each.name} has no file ${file}`, {
    errno: Errno.ENOENT,
    hint: `files are ${Object.keys(files).join(", ")}`,
  });
}

/** As opening a sysfs file the wrong way. */
function forbidden(file: string, possible: "read" | "written"): IpoibError {
  return new IpoibError("E_FILE_MODE", `${file} can only be ${possible}`, {
    errno: Errno.EACCES,
  });
}

function invalid(file: string, value: string, hint?: string): never {
  throw new IpoibError("E_VALUE", `Value "${value}" of ${file} is not valid`, {
    errno: Errno.EINVAL,
    ...(hint === undefined ? {} : { hint }),
  });
}
