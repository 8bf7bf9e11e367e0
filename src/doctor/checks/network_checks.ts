/** Checks of the network device and of IP: MTU, next hops, connected mode, addresses, neighbours, sysctls, holders. */

import { shortGid } from "../../base/gid_text.ts";
import { CONNECTED_MTU, MIN_DATAGRAM_MTU } from "../../base/units.ts";
import type { AddressRecord, LinkRecord } from "../../ipc/schema.ts";
import type {
  DeviceAddress,
  InterfaceFacts,
  NamespaceFacts,
} from "../facts.ts";
import { DISABLE_IPV6 } from "../facts.ts";
import {
  type Check,
  failure,
  type Finding,
  ok,
  skipped,
  warning,
} from "../finding.ts";
import { gidOf, noLink } from "../link.ts";

/** Part of the kernel's limit on neighbours from which the table counts as nearly full. */
const NEARLY_FULL = 0.8;
const PROC = "net.ipv4.conf";

export const networkChecks: readonly Check<InterfaceFacts>[] = [
  { name: "MTU", run: mtu },
  { name: "next hops", run: nextHops },
  { name: "connected mode", run: connectedMode },
  { name: "addresses", run: addresses },
  { name: "duplicates", run: duplicates },
  { name: "neighbours", run: neighbours },
  { name: "sysctls", run: sysctls },
  { name: "other users", run: holders },
];

const BINDING = {
  port: "the port",
  group: "the broadcast group",
  mode: "connected mode",
  admin: "the setting of ip link",
  device: "the device",
} as const;

function mtu({ link }: InterfaceFacts): Finding {
  const { mtu_chain: chain, mtu } = link;
  const text = `${mtu}, limited by ${BINDING[chain.binding]}`;
  const details = [
    `port ${chain.port}, group ${chain.group ?? "unknown"}, ` +
    `set ${chain.admin ?? "unset"}, device ${chain.device}`,
  ];
  if (chain.refused !== undefined) {
    return warning(
      `${text}; ${chain.refused} was set and is refused`,
      mtuInstead(link),
      details,
    );
  }
  return chain.admin !== undefined && chain.admin > mtu
    ? warning(
      `${text}; ${chain.admin} was set`,
      "the partition must allow the MTU (mtu= in partitions.conf), or set a smaller one",
      details,
    )
    : ok(text, details);
}

/** Returns the nearest MTU that the interface accepts, instead of one that it has refused. */
function mtuInstead(
  { mtu_chain: chain, linkinfo, ifname }: LinkRecord,
): string {
  const { refused = 0, port } = chain;
  const set = `ipoib link set ${ifname} mtu`;
  if (linkinfo.info_data.mode === "connected") {
    return `the largest MTU in connected mode is ${CONNECTED_MTU}: ${set} ${CONNECTED_MTU}`;
  }
  return refused < MIN_DATAGRAM_MTU
    ? `the smallest MTU in datagram mode is ${MIN_DATAGRAM_MTU}: ${set} ${MIN_DATAGRAM_MTU}`
    : `the largest MTU of the port is ${port}: ${set} ${port}; a larger one, up to ${CONNECTED_MTU}, needs connected mode`;
}

function nextHops({ link: { next_hops: source } }: InterfaceFacts): Finding {
  if (source === "program") return ok("from a program in the kernel");
  const reason = /^routes \((.*)\)$/.exec(source)?.[1];
  const text = "from lookups of the kernel's routes";
  return reason === undefined
    ? ok(text, ["as --next-hops routes requests"])
    : warning(
      `${text}: ${reason}`,
      "routes by mark, user ID and bound device are ignored; the program needs Linux 6.6, BTF, CAP_BPF and CAP_PERFMON",
    );
}

function connectedMode({ link }: InterfaceFacts): Finding | undefined {
  const { no_connections: why, connections, linkinfo } = link;
  const connected = linkinfo.info_data.mode === "connected";
  if (why !== undefined) {
    return connected
      ? warning(
        `the port has no connections: ${why}`,
        "packets are sent as datagrams; free the port's connection manager, or set the mode datagram",
      )
      : ok(`not available: ${why}`);
  }
  if (!connected) return ok("off; connections of other hosts are accepted");
  const { active = 0, passive = 0 } = connections ?? {};
  return ok(`on; connections: ${active} to and ${passive} from other hosts`);
}

function addresses({ link, addresses }: InterfaceFacts): Finding {
  if (!("value" in addresses)) return skipped(addresses.why);
  const all = addresses.value;
  const texts = all.map(({ local, prefixlen }) => `${local}/${prefixlen}`);
  const failed = all.filter(({ flags }) => flags.includes("dadfailed"));
  if (failed.length > 0) {
    return failure(
      `duplicate address detection has refused ${
        failed.map(({ local }) => local).join(", ")
      }`,
      `another interface uses the address: delete it here, or for another link-local one: ${
        anotherAddress(link)
      }`,
      texts,
    );
  }
  return all.some(({ scope }) => scope !== "link")
    ? ok(texts.join(", "))
    : warning(
      `${link.ifname} has no address other than link-local ones`,
      `ip addr add ADDRESS/LENGTH dev ${link.ifname}`,
      texts,
    );
}

/** Returns the commands that change the link-local address, which the kernel makes when the interface is set up. */
function anotherAddress({ ifname }: LinkRecord): string {
  const set = `ip link set ${ifname}`;
  return `${set} addrgenmode random; ${set} down; ${set} up`;
}

function duplicates({ link, doctor, addresses }: InterfaceFacts) {
  const why = noLink(link);
  if (why !== undefined) return skipped(why);
  if (!("value" in doctor)) return skipped(doctor.why);
  const { conflicts } = doctor.value;
  if (conflicts.length === 0) {
    return ok("no other host answers for the addresses");
  }
  const own = "value" in addresses ? addresses.value : [];
  return conflicts.map(({ address, lladdr }) => {
    const record = own.find(({ local }) => local === address);
    const words = record ? deletionWords(record) : `${address}/LENGTH`;
    return failure(
      `${address} is also used by GID ${shortGid(gidOf(lladdr))}`,
      `remove the address from one of the hosts: ip addr del ${words} dev ${link.ifname}`,
      [`lladdr ${lladdr}`],
    );
  });
}

/** Returns the words with which `ip addr del` finds an address: the prefix length is that of the peer if there is one. */
function deletionWords({ local, address: peer, prefixlen }: AddressRecord) {
  return `${local}${peer === undefined ? "" : ` peer ${peer}`}/${prefixlen}`;
}

function neighbours({ doctor }: InterfaceFacts): Finding {
  if (!("value" in doctor)) return skipped(doctor.why);
  const { entries, limit } = doctor.value.neighbours;
  if (limit === undefined) return ok(`${entries} entries, limit unknown`);
  const text = `${entries} of ${limit} entries`;
  return entries < limit * NEARLY_FULL ? ok(text) : warning(
    text,
    "raise the kernel's limits on the host: sysctl -w net.ipv4.neigh.default.gc_thresh3=8192 net.ipv6.neigh.default.gc_thresh3=8192",
  );
}

/** The values matter if the kernel would answer on one device for addresses of another. */
function sysctls({ link, namespace }: InterfaceFacts) {
  if (!("value" in namespace)) return skipped(namespace.why);
  const { sysctls, addresses } = namespace.value;
  const { ifname } = link;
  const others = sharing(addresses, ifname);
  const found: Finding[] = [];
  if (others.length > 0) {
    const names = `${ifname} and ${others.join(", ")} share a subnet`;
    if (
      combined(sysctls, "arp_ignore", ifname) === 0 &&
      combined(sysctls, "arp_filter", ifname) === 0
    ) {
      found.push(warning(
        `${names}, and each answers ARP for the others' addresses`,
        `sysctl -w ${PROC}.all.arp_ignore=1 ${PROC}.all.arp_announce=2`,
      ));
    }
    if (combined(sysctls, "rp_filter", ifname) === 1) {
      found.push(warning(
        `${names}, and strict rp_filter drops packets that arrive on another one`,
        `sysctl -w ${PROC}.all.rp_filter=2`,
      ));
    }
  }
  if (sysctls[DISABLE_IPV6] === "1") {
    found.push(warning(
      "IPv6 is disabled on the interface",
      `if that is not intended: sysctl -w net.ipv6.conf.${
        inSysctl(ifname)
      }.disable_ipv6=0`,
    ));
  }
  const values = Object.entries(sysctls).map(([name, value]) =>
    `${name} ${value}`
  );
  return found.length > 0 ? found : ok("suit this interface", values);
}

/** Returns the name of an interface in that of a sysctl (sysctl(8)), in which a dot separates and a slash is a dot. */
function inSysctl(ifname: string): string {
  return ifname.replaceAll(".", "/");
}

/** Returns the larger value of `all` and of the device, which the kernel applies; undefined if it is unknown. */
function combined(
  sysctls: NamespaceFacts["sysctls"],
  name: string,
  device: string,
): number | undefined {
  const values = ["all", device].map((each) => sysctls[`${each}.${name}`])
    .filter((value) => value !== undefined).map(Number);
  return values.length === 0 ? undefined : Math.max(...values);
}

/** Returns the other devices that have an address in a subnet of `device`. */
function sharing(
  addresses: readonly DeviceAddress[],
  device: string,
): string[] {
  const own = new Set(
    addresses.filter((each) => each.device === device).map(subnetOf),
  );
  const others = addresses.filter((each) =>
    each.device !== device && own.has(subnetOf(each))
  );
  return [...new Set(others.map((each) => each.device))];
}

/** Returns the subnet of an IPv4 address as text; a /32 is a subnet of its own. */
function subnetOf({ cidr }: DeviceAddress): string {
  const [address = "", length = "32"] = cidr.split("/");
  const bits = address.split(".").reduce(
    (sum, byte) => sum * 256 + Number(byte),
    0,
  );
  const size = 2 ** (32 - Number(length));
  return `${Math.floor(bits / size)}/${length}`;
}

function holders({ link, holders }: InterfaceFacts): Finding | undefined {
  if (holders.length === 0) return undefined;
  const names = holders.map(({ name, kind, pkey }) =>
    `${name} (${kind}, ${pkey})`
  );
  const same = holders.filter(({ kind, pkey }) =>
    kind === "ib_ipoib" && pkey === link.pkey
  );
  const text = `the port is also used by ${names.join(", ")}`;
  return same.length === 0 ? ok(text) : warning(
    text,
    `two interfaces on one P_Key need different link-local addresses: ${
      anotherAddress(link)
    }`,
  );
}
