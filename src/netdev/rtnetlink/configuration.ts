/** The configuration of an interface that a mirror (mirror.ts) reads at the start, and after events were lost. */

import { type AddressRecord, dumpAddresses } from "./address.ts";
import { getLink, type LinkInfo } from "./link_message.ts";
import { rulesMatchPorts } from "./rule.ts";
import type { RequestSocket } from "./socket.ts";

export interface Configuration {
  readonly link: LinkInfo;
  readonly addresses: readonly AddressRecord[];
  /** True if policy routing rules match protocols or ports. */
  readonly routesByPort: boolean;
}

/** Reads the configuration. Returns `gone` if the interface does not exist. Throws `E_NETLINK`. */
export function readConfiguration(
  requests: RequestSocket,
  ifindex: number,
): Configuration | "gone" {
  const link = getLink(requests, ifindex);
  if (!link) return "gone";
  return {
    link,
    addresses: dumpAddresses(requests, ifindex),
    routesByPort: rulesMatchPorts(requests),
  };
}
