/** Commands that set addresses and routes, and read routes. */

import type { RouteRecord } from "../../ipc/schema.ts";
import type { DeviceRoute } from "../../netdev/netdev.ts";
import type { IpAddress } from "../../wire/ip_address.ts";
import { addressFlag } from "../records/address_record.ts";
import { ipAddress } from "./table_commands.ts";
import { type DataCommands, findInterface, findInterfaces } from "./context.ts";

/** Number of the routing table that `ip route` uses by default. */
const RT_TABLE_MAIN = 254;

export const addressCommands = {
  "addr.add": (context, { name, ...address }) => {
    const { broadcast, label, metric, flags = [] } = address;
    const [local, prefixLength] = parsePrefix(address.local);
    findInterface(context, name).netdev.setAddress({
      ...{ local, prefixLength, label, metric },
      peer: parseOptional(address.address),
      broadcast: broadcast === "+" ? "subnet" : parseOptional(broadcast),
      flags: flags.reduce((bits, flag) => bits | addressFlag(flag), 0),
    });
    return {};
  },
  "route.add": (context, { name, ...route }) => {
    const { metric, mtu, table = RT_TABLE_MAIN, onlink = false } = route;
    const [destination, prefixLength] = parsePrefix(route.dst);
    findInterface(context, name).netdev.addRoute({
      ...{ destination, prefixLength, metric, mtu, table, onlink },
      gateway: parseOptional(route.gateway),
      source: parseOptional(route.prefsrc),
    });
    return {};
  },
  "route.show": (context, { name }) =>
    findInterfaces(context, name).map(({ name: ifname, netdev }) => ({
      ifname,
      routes: netdev.routes().map(routeRecord),
    })),
} satisfies Partial<DataCommands>;

function routeRecord(route: DeviceRoute): RouteRecord {
  const { gateway, source, metric, mtu, table } = route;
  return {
    dst: `${route.destination}/${route.prefixLength}`,
    ...(gateway === undefined ? {} : { gateway: `${gateway}` }),
    ...(source === undefined ? {} : { prefsrc: `${source}` }),
    ...(metric === undefined ? {} : { metric }),
    ...(table === RT_TABLE_MAIN ? {} : { table }),
    ...(mtu === undefined ? {} : { mtu }),
    ...(route.onlink ? { onlink: true } : {}),
  };
}

/** Parses a text that the schema of the method has checked. */
function parsePrefix(text: string): [IpAddress, number] {
  const [address, length] = text.split("/");
  return [ipAddress(address!), Number(length)];
}

function parseOptional(text: string | undefined): IpAddress | undefined {
  return text === undefined ? undefined : ipAddress(text);
}
