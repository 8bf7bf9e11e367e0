/** The checks of the network device and of IP. */

import { networkChecks } from "../../../src/doctor/checks/network_checks.ts";
import type {
  InterfaceFacts,
  NamespaceFacts,
} from "../../../src/doctor/facts.ts";
import type { AddressRecord, LinkRecord } from "../../../src/ipc/schema.ts";
import { testChecks } from "../check_cases.ts";
import * as facts from "../facts.ts";
import { connectedInfo, linked, reported } from "../interface_cases.ts";

const { iface } = facts;

function inNamespace(
  sysctls: NamespaceFacts["sysctls"],
  cidr = "10.0.1.1/24",
): InterfaceFacts {
  const { value } = iface.namespace as { value: NamespaceFacts };
  const [own, eth0] = value.addresses;
  return {
    ...iface,
    namespace: {
      value: {
        sysctls: { ...value.sysctls, ...sysctls },
        addresses: [own!, { ...eth0!, cidr }],
      },
    },
  };
}

const addressed = (change: Partial<AddressRecord>): InterfaceFacts => ({
  ...iface,
  addresses: { value: [{ ...facts.address, ...change }] },
});
/** An interface that has refused an MTU. */
const refusing = (refused: number, change: Partial<LinkRecord> = {}) =>
  linked({ mtu_chain: { ...facts.link.mtu_chain, refused }, ...change });
/** An interface one of whose addresses another host uses too. */
const conflicting = (change: Partial<AddressRecord>): InterfaceFacts => {
  const address = { ...facts.address, ...change };
  const conflict = { address: address.local, lladdr: facts.link.address };
  return {
    ...reported({ conflicts: [conflict] }),
    addresses: { value: [address] },
  };
};
const CM = "the kernel module ib_cm manages the connections of mlx5_0/1";

testChecks(networkChecks, iface, {
  MTU: [
    [
      refusing(9000),
      "warning",
      "9000 was set and is refused -> the largest MTU of the port is 2044: ipoib link set ib0 mtu 2044; a larger one, up to 65520, needs connected mode",
    ],
    [
      refusing(68),
      "warning",
      "68 was set and is refused -> the smallest MTU in datagram mode is 72: ipoib link set ib0 mtu 72",
    ],
    [
      refusing(65_521, { linkinfo: connectedInfo }),
      "warning",
      "65521 was set and is refused -> the largest MTU in connected mode is 65520: ipoib link set ib0 mtu 65520",
    ],
    [
      linked({ mtu_chain: { ...facts.link.mtu_chain, admin: 4092 } }),
      "warning",
      "4092 was set",
    ],
  ],
  "next hops": [
    [
      linked({ next_hops: "routes (Cannot load the program: run as root)" }),
      "warning",
      "routes: Cannot load the program: run as root",
    ],
    [linked({ next_hops: "routes" }), "ok", "lookups"],
  ],
  "connected mode": [
    [linked({ no_connections: CM, linkinfo: connectedInfo }), "warning", CM],
    [linked({ no_connections: CM }), "ok", `not available: ${CM}`],
    [
      linked({
        linkinfo: connectedInfo,
        connections: { active: 2, passive: 1 },
      }),
      "ok",
      "2 to and 1 from other hosts",
    ],
  ],
  addresses: [
    [
      addressed({ flags: ["dadfailed"], local: "fe80::1" }),
      "failure",
      "duplicate address detection has refused fe80::1",
    ],
    [
      addressed({ flags: ["dadfailed"], local: "fe80::1" }),
      "failure",
      "for another link-local one: ip link set ib0 addrgenmode random; ip link set ib0 down; ip link set ib0 up",
    ],
    [addressed({ scope: "link" }), "warning", "ip addr add"],
  ],
  duplicates: [
    [
      reported({
        conflicts: [{
          address: "10.0.0.1",
          lladdr: facts.link.address,
        }],
      }),
      "failure",
      "10.0.0.1 is also used by GID fe80::2:c903:0:1",
    ],
    [conflicting({}), "failure", "ip addr del 10.0.0.1/24 dev ib0"],
    [
      conflicting({ family: "inet6", local: "fd00::1", prefixlen: 64 }),
      "failure",
      "ip addr del fd00::1/64 dev ib0",
    ],
    [
      conflicting({ address: "10.0.0.2", prefixlen: 32 }),
      "failure",
      "ip addr del 10.0.0.1 peer 10.0.0.2/32 dev ib0",
    ],
    [
      { ...conflicting({}), addresses: { why: "unknown" } },
      "failure",
      "ip addr del 10.0.0.1/LENGTH dev ib0",
    ],
  ],
  neighbours: [
    [
      reported({ neighbours: { entries: 1900, limit: 2048 } }),
      "warning",
      "gc_thresh3",
    ],
  ],
  sysctls: [
    [inNamespace({}, "10.0.0.9/24"), "warning", "all.arp_ignore=1"],
    [
      inNamespace(
        { "all.arp_ignore": "1", "ib0.rp_filter": "1" },
        "10.0.0.9/24",
      ),
      "warning",
      "all.rp_filter=2",
    ],
    [inNamespace({ disable_ipv6: "1" }), "warning", "disable_ipv6=0"],
    [
      {
        ...inNamespace({ disable_ipv6: "1" }),
        link: { ...facts.link, ifname: "ib0.8001" },
      },
      "warning",
      "sysctl -w net.ipv6.conf.ib0/8001.disable_ipv6=0",
    ],
  ],
  "other users": [
    [
      {
        ...iface,
        holders: [{ name: "ib5", kind: "ib_ipoib", pkey: "0xffff" }],
      },
      "warning",
      "ib5 (ib_ipoib, 0xffff)",
    ],
    [
      {
        ...iface,
        holders: [{ name: "ib5", kind: "ib_ipoib", pkey: "0xffff" }],
      },
      "warning",
      "addrgenmode random; ip link set ib0 down; ip link set ib0 up",
    ],
    [
      { ...iface, holders: [{ name: "ib1", kind: "ipoib", pkey: "0x8001" }] },
      "ok",
      "ib1 (ipoib, 0x8001)",
    ],
  ],
});
