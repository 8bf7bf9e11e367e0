/** The checks of the way to a peer. */

import { peerChecks } from "../../../src/doctor/checks/peer_checks.ts";
import type { EchoFacts, PeerFacts } from "../../../src/doctor/facts.ts";
import type { NeighRecord } from "../../../src/ipc/schema.ts";
import { testChecks } from "../check_cases.ts";
import * as facts from "../facts.ts";
import { connectedInfo } from "../interface_cases.ts";

const { subnet } = facts;
const { peer } = facts;
const [entry] = (peer.neighbours as { value: NeighRecord[] }).value;
const { lladdr: ___, gid: ____, ...unresolved } = entry!;
const neighboured = (
  neighbour: NeighRecord,
  change: Partial<PeerFacts> = {},
): PeerFacts => ({ ...peer, neighbours: { value: [neighbour] }, ...change });
const echo = (change: Partial<EchoFacts>): { value: EchoFacts } => ({
  value: { ...(peer.small as { value: EchoFacts }).value, ...change },
});
const connectedLink = { ...facts.link, linkinfo: connectedInfo };

testChecks(peerChecks, peer, {
  route: [
    [
      { ...peer, route: { value: { type: "none", next_hops: [] } } },
      "failure",
      "ip route get 10.0.0.2",
    ],
    [{ ...peer, source: { value: undefined } }, "failure", "no route"],
    [
      {
        ...peer,
        peer: "10.0.0.1",
        route: { value: { type: "none", next_hops: [] } },
      },
      "failure",
      "is an address of ib0 itself",
    ],
    [{ ...peer, source: { value: "192.0.2.1" } }, "warning", "192.0.2.1"],
    [
      { ...peer, elsewhere: { value: true } },
      "warning",
      "does not send to 10.0.0.2 through ib0",
    ],
    [
      { ...peer, route: { value: { type: "multicast", next_hops: [] } } },
      "failure",
      "is a multicast address",
    ],
    [
      {
        ...peer,
        route: { value: { type: "unicast", next_hops: ["10.0.0.9"] } },
      },
      "ok",
      "through 10.0.0.9",
    ],
  ],
  neighbour: [
    [
      { ...peer, elsewhere: { value: true } },
      "skipped",
      "the kernel uses another interface",
    ],
    [
      neighboured({ ...unresolved, state: ["INCOMPLETE"] }),
      "failure",
      "does not answer ARP",
    ],
    [
      neighboured({ ...entry!, state: ["FAILED"] }),
      "failure",
      "does not answer any more",
    ],
    [
      neighboured({ ...unresolved, state: ["FAILED"] }, {
        link: {
          ...facts.link,
          unreached: [{
            destination: "10.0.0.2",
            reason: "both ends are limited members of partition 0x8010",
          }],
        },
      }),
      "failure",
      "both ends are limited members",
    ],
    [
      neighboured({ ...unresolved, state: ["FAILED"] }, {
        subnet: { ...subnet, stoppedPids: [4712] },
      }),
      "failure",
      "kill -CONT 4712",
    ],
  ],
  "peer port": [
    [
      neighboured({ ...entry!, gid: "fe80:0:0:0:2:c903:0:9" }),
      "failure",
      "no port of subnet default has GUID 0x0002c90300000009",
    ],
    [
      { ...peer, subnet: { ...subnet, stoppedPids: [4712] } },
      "failure",
      "kill -CONT 4712",
    ],
    [
      { ...peer, subnet: facts.downSubnet },
      "failure",
      "ipoib subnet fault default port 0x0003 up",
    ],
    [neighboured(unresolved), "skipped", "GID is unknown"],
  ],
  path: [
    [
      {
        ...peer,
        paths: {
          value: [{
            gid: entry!.gid!,
            dev: "ib0",
            complete: false,
            queued: 3,
            error: "status -22",
          }],
        },
      },
      "failure",
      "status -22 -> the peer's port is gone or in no common partition: ipoib subnet show default",
    ],
    [
      neighboured({ ...unresolved, state: ["INCOMPLETE"] }),
      "skipped",
      "GID is unknown",
    ],
  ],
  connection: [
    [
      neighboured({ ...entry!, connection: "refused" }, {
        link: connectedLink,
      }),
      "warning",
      "refuses connections",
    ],
    [
      neighboured(entry!, { link: connectedLink }),
      "warning",
      "accepts no connections",
    ],
    [
      neighboured({ ...entry!, connection: "connecting" }, {
        link: connectedLink,
      }),
      "warning",
      "not established (connecting)",
    ],
    [
      neighboured({ ...entry!, connection: "established", rc_mtu: 65520 }, {
        link: connectedLink,
      }),
      "ok",
      "MTU 65520",
    ],
  ],
  ping: [
    [
      { ...peer, small: echo({ answered: false, errno: 113 }) },
      "failure",
      "was not answered: ",
    ],
    [{ ...peer, small: echo({ sent: 3 }) }, "warning", "at attempt 3"],
    [{ ...peer, small: { why: "cannot send" } }, "skipped", "cannot send"],
  ],
  "ping full size": [
    [
      { ...peer, full: echo({ length: 2044, answered: false }) },
      "failure",
      "2044 bytes was not answered, the small one was",
    ],
    [
      {
        ...peer,
        full: echo({ answered: false, errno: 90, pathMtu: 1500 }),
      },
      "warning",
      "the MTU of the path is 1500",
    ],
    [{ ...peer, full: echo({ sent: 2 }) }, "warning", "at attempt 2"],
    [
      { ...peer, small: echo({ answered: false }) },
      "skipped",
      "the small one was not answered",
    ],
  ],
});
