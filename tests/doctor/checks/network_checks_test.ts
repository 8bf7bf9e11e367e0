/** The checks of the network device and of IP. */

import { networkChecks } from "../../../src/doctor/checks/network_checks.ts";
import type {
  InterfaceFacts,
  NamespaceFacts,
} from "../../../src/doctor/facts.ts";
import type { AddressRecord } from "../../../src/ipc/schema.ts";
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
const CM = "the kernel module ib_cm manages the connections of mlx5_0/1";

testChecks(networkChecks, iface, {
  MTU: [
    [
      linked({ mtu_chain: { ...facts.link.mtu_chain, refused: 9000 } }),
      "warning",
      "9000 was set and is refused",
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
      "10.0.0.1 is also used by GID fe80:0:0:0:2:c903:0:1",
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
      { ...iface, holders: [{ name: "ib1", kind: "ipoib", pkey: "0x8001" }] },
      "ok",
      "ib1 (ipoib, 0x8001)",
    ],
  ],
});
