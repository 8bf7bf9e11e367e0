/** Texts about the changes that an interface follows, of its port and of the kernel's configuration: for log and events. */

import { hex } from "../base/hex.ts";
import { formatPkey } from "../base/units.ts";
import type { PortEvent } from "../hca/hca.ts";
import type { PortAttributes } from "../hca/port_attributes.ts";
import type { ConfigChange, NetConfig } from "../netdev/net_config.ts";
import { formatGid } from "../wire/gid.ts";

/** Describes an event of the port as a cause. */
export function portEventText(event: PortEvent): string {
  switch (event.type) {
    case "port_active":
      return "the port became active";
    case "port_error":
      return "the port is no longer active";
    case "client_reregister":
      return "the subnet manager requests a reregistration";
    case "lid_change":
      return "the LID of the port changed";
    case "pkey_change":
      return "the P_Key table of the port changed";
    case "gid_change":
      return "the GID of the port changed";
    case "sm_change":
      return "the subnet manager changed";
    case "device_lost":
      return "the device is lost";
    case "device_returned":
      return "the device is back";
    case "device_fatal":
      return event.reason;
  }
}

/** Returns the attributes of a port that an event of the port may have changed. */
export function portText(port: PortAttributes): string {
  const pkeys = port.pkeys.filter((pkey) => pkey !== 0).map(formatPkey);
  return `The port is ${port.state}: LID ${hex(port.lid)}, SM LID ${
    hex(port.smLid)
  }, SM SL ${port.smSl}, GID ${formatGid(port.gid)}, P_Keys ${
    pkeys.join(" ") || "none"
  }`;
}

/** Returns what the configuration is after a change. */
export function configText(change: ConfigChange, config: NetConfig): string {
  switch (change) {
    case "link":
      return `The kernel's device ${config.name} is ${
        config.up ? "up" : "down"
      }, carrier ${config.carrier ? "on" : "off"}, MTU ${config.mtu}`;
    case "address": {
      const addresses = config.addresses.map(({ address }) => `${address}`);
      return `The kernel's addresses are ${addresses.join(", ") || "none"}`;
    }
    case "route":
      return "The next hops are forgotten, because the kernel's routes may have changed";
    case "membership":
      return "The kernel's multicast memberships have changed";
    case "gone":
      return "The kernel's device is gone";
  }
}
