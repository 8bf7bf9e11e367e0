/** What the engine knows and counts: neighbours, paths, groups, statistics. */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import { IpAddress } from "../../wire/ip_address.ts";
import {
  parseLinkAddress,
  parseLinkAddressText,
} from "../../wire/link_address.ts";
import {
  mcgRecords,
  neighRecords,
  pathRecords,
  statsRecord,
} from "../records.ts";
import { type DataCommands, one, recordContext, which } from "./context.ts";

export const tableCommands = {
  "neigh.show": (context, { name }) =>
    which(context, name).flatMap(neighRecords),
  "neigh.flush": (context, { name, dst }) => {
    one(context, name).flushNeighbours(
      dst === undefined ? undefined : ipAddress(dst),
    );
    return {};
  },
  "neigh.add": (context, { name, dst, lladdr }) => {
    const bytes = parseLinkAddressText(lladdr);
    if (!bytes) {
      throw new IpoibError(
        "E_ADDRESS",
        `"${lladdr}" is not a link-layer address of InfiniBand`,
        {
          errno: Errno.EINVAL,
          hint: "give 20 bytes: flags and QPN, then the GID, as in " +
            "80:00:00:48:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:00:01",
        },
      );
    }
    one(context, name).addNeighbour(ipAddress(dst), parseLinkAddress(bytes)!);
    return {};
  },
  "neigh.del": (context, { name, dst }) => {
    const address = ipAddress(dst);
    if (one(context, name).deleteNeighbour(address)) return {};
    throw new IpoibError("E_NO_NEIGHBOUR", `${address} is not a neighbour`, {
      errno: Errno.ENOENT,
      hint: "see `ipoib neigh show`",
    });
  },
  "path.show": (context, { name }) => which(context, name).flatMap(pathRecords),
  "mcg.show": (context, { name }) => {
    const now = context.reactor.clock.now();
    return which(context, name).flatMap((each) => mcgRecords(each, now));
  },
  "stats": (context, { name }) => {
    const record = recordContext(context);
    return which(context, name).map((each) => statsRecord(each, record));
  },
} satisfies Partial<DataCommands>;

function ipAddress(text: string): IpAddress {
  const address = IpAddress.parse(text);
  if (address) return address;
  throw new IpoibError("E_ADDRESS", `"${text}" is not an IP address`, {
    errno: Errno.EINVAL,
  });
}
