/** Commands for neighbours, paths, groups and statistics. */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import type { IpoibInterface } from "../../ipoib/interface.ts";
import { IpAddress } from "../../wire/ip_address.ts";
import {
  parseLinkAddress,
  parseLinkAddressText,
} from "../../wire/link_address.ts";
import { addressRecord } from "../records/address_record.ts";
import { figuresRecord } from "../records/figures_record.ts";
import { mcgRecords } from "../records/mcg_record.ts";
import { neighRecords } from "../records/neigh_record.ts";
import { pathRecords } from "../records/path_record.ts";
import { statsRecord } from "../records/stats_record.ts";
import {
  type DataCommands,
  findInterface,
  findInterfaces,
  recordContext,
} from "./context.ts";
import {
  deleteNeighbour,
  flushNeighbours,
  hasNeighbour,
} from "../../ipoib/neighbour/user_changes.ts";

export const tableCommands = {
  "neigh.show": (context, { name }) =>
    findInterfaces(context, name).flatMap((iface) =>
      neighRecords(iface, context.reactor.clock.now())
    ),
  "neigh.flush": (context, { name, dst }) => {
    flushNeighbours(
      findInterface(context, name),
      dst === undefined ? undefined : ipAddress(dst),
    );
    return {};
  },
  "neigh.add": (context, { name, dst, lladdr, how }) => {
    const bytes = parseLinkAddressText(lladdr);
    if (!bytes) {
      throw new IpoibError(
        "E_ADDRESS",
        `Invalid InfiniBand link-layer address "${lladdr}"`,
        {
          errno: Errno.EINVAL,
          hint: "expected 20 bytes (flags and QPN, then the GID), such as " +
            "80:00:00:48:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:00:01",
        },
      );
    }
    const iface = findInterface(context, name);
    const address = ipAddress(dst);
    const known = hasNeighbour(iface, address);
    if (known && how === undefined) {
      throw new IpoibError(
        "E_NEIGHBOUR_EXISTS",
        `Neighbour ${address} of ${iface.name} exists`,
        { errno: Errno.EEXIST, hint: "use `ipoib neigh replace`" },
      );
    }
    if (!known && how === "change") throw noNeighbour(iface, address);
    iface.neighbours.hold(address, parseLinkAddress(bytes)!);
    return {};
  },
  "neigh.del": (context, { name, dst }) => {
    const address = ipAddress(dst);
    const iface = findInterface(context, name);
    if (deleteNeighbour(iface, address)) return {};
    const other = findInterfaces(context, undefined)
      .find((each) => hasNeighbour(each, address));
    throw new IpoibError(
      "E_NO_NEIGHBOUR",
      `Neighbour ${address} does not exist on ${iface.name}`,
      {
        errno: Errno.ENOENT,
        hint: other ? `add dev ${other.name}` : "see ipoib neigh show",
      },
    );
  },
  "path.show": (context, { name }) =>
    findInterfaces(context, name).flatMap((iface) =>
      pathRecords(iface, context.reactor.clock.now())
    ),
  "mcg.show": (context, { name }) => {
    const now = context.reactor.clock.now();
    return findInterfaces(context, name).flatMap((iface) =>
      mcgRecords(iface, now)
    );
  },
  "maddr.show": (context, { name }) =>
    findInterfaces(context, name).map(({ netdev: { config } }) => ({
      ifindex: config.ifindex,
      ifname: config.name,
      // IPv4 first, as in `ip maddr`.
      maddr: [true, false].flatMap((isIpv4) =>
        config.memberships.filter((group) => group.isIpv4 === isIpv4).map(
          (group) => ({
            family: isIpv4 ? "inet" as const : "inet6" as const,
            address: `${group}`,
          }),
        )
      ),
    })),
  "addr.show": (context, { name }) =>
    findInterfaces(context, name).map(({ name: ifname, netdev }) => ({
      ifname,
      addr_info: netdev.kernelAddresses().map(addressRecord),
    })),
  "stats": (context, { name }) => {
    const record = recordContext(context);
    return findInterfaces(context, name).map((iface) =>
      statsRecord(iface, record)
    );
  },
  "figures": (context, { name }) =>
    findInterfaces(context, name).map(figuresRecord),
} satisfies Partial<DataCommands>;

function noNeighbour({ name }: IpoibInterface, address: IpAddress): IpoibError {
  return new IpoibError(
    "E_NO_NEIGHBOUR",
    `Neighbour ${address} of ${name} does not exist`,
    { errno: Errno.ENOENT, hint: "use `ipoib neigh add`" },
  );
}

/** Parses an IP address in a request. Throws `E_ADDRESS` (EINVAL). */
export function ipAddress(text: string): IpAddress {
  const address = IpAddress.parse(text);
  if (address) return address;
  throw new IpoibError("E_ADDRESS", `Invalid IP address "${text}"`, {
    errno: Errno.EINVAL,
  });
}
