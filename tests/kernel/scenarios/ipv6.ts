/**
 * IPv6 between ipoib and ib_ipoib: pings, neighbour entries, duplicate addresses and multicast. Also compares the
 * frames of neighbour discovery and ARP that the two send.
 */

import { assertEquals, assertNotEquals } from "@std/assert";
import type { Fabric } from "../../../scripts/rig/fabric.ts";
import type { Guest } from "../../../scripts/rig/guest.ts";
import { withCapture } from "../../../scripts/rig/capture.ts";
import { pingOnce, unanswered } from "../../../scripts/rig/ping.ts";
import { FULL, fullTest } from "../../../scripts/test/form.ts";
import { resolutionFrame } from "./resolution_frame.ts";

/** Global addresses of the guests a, b and c. */
const GLOBAL = { a: "fd44::1", b: "fd44::2", c: "fd44::3" } as const;
/** Duplicate addresses, by the driver of their first owner. */
const DUPLICATES = { kernel: "fd44::71", ipoib: "fd44::72" } as const;
/** Payload sizes in bytes. */
const SIZES = [56, 1000, 6000];
/** Time limits in seconds at normal machine speed. */
const ADDRESS_S = 10;
const NEIGHBOUR_S = 5;
const PACKET_S = 20;

/** Adds a global address to ib0 and waits until duplicate address detection has accepted it. */
async function addAddress(guest: Guest, address: string): Promise<void> {
  await guest.must(`ip -6 addr replace ${address}/64 dev ib0`);
  await waitFor(
    guest,
    `! ip -6 addr show dev ib0 to ${address} | grep -q tentative`,
    ADDRESS_S,
  );
}

/**
 * Sets the number of solicitations of duplicate address detection on ib0. They are a second apart on a machine of any
 * speed; a slow one may need longer to reply to the first.
 */
async function probe(guest: Guest, solicitations: number): Promise<void> {
  await guest.must(
    `echo ${solicitations} > /proc/sys/net/ipv6/conf/ib0/dad_transmits`,
  );
}

/** Waits until a shell condition on ib0 holds, for `seconds` at normal machine speed. */
async function waitFor(
  guest: Guest,
  condition: string,
  seconds: number,
): Promise<void> {
  const diagnosis = "ip addr show dev ib0; ip neigh show dev ib0";
  await guest.waitFor(condition, seconds, diagnosis);
}

/** Returns the link-local address of ib0. */
async function linkLocal(guest: Guest): Promise<string> {
  const text = await guest.must(
    `ip -6 -o addr show dev ib0 scope link -tentative`,
  );
  return /inet6 (fe80:[^/]+)/.exec(text)![1]!;
}

export function ipv6(fabric: Fabric): void {
  Deno.test("IPv6: ipoib and ib_ipoib ping each other by link-local and global addresses", async () => {
    const { a, b, c } = fabric;
    await Promise.all([
      addAddress(a, GLOBAL.a),
      addAddress(b, GLOBAL.b),
      addAddress(c, GLOBAL.c),
    ]);
    const [ofA, ofC] = await Promise.all([linkLocal(a), linkLocal(c)]);
    await fabric.flushNeighbours();
    assertEquals(await unanswered(c, [GLOBAL.a, `${ofA}%ib0`], SIZES), []);
    await fabric.flushNeighbours();
    assertEquals(await unanswered(a, [GLOBAL.c, `${ofC}%ib0`], SIZES), []);
  });

  fullTest(
    "IPv6: ib_ipoib resolves the link-layer address of ipoib, also after a restart of ipoib",
    async () => {
      const { a, c, node } = fabric;
      const resolved = async () => {
        const { address } = await node.link();
        await waitFor(
          a,
          `ip -6 neigh show to ${GLOBAL.c} dev ib0 | grep -q 'lladdr ${address}'`,
          NEIGHBOUR_S,
        );
        return address;
      };
      assertEquals(await unanswered(a, [GLOBAL.c], [56]), []);
      const before = await resolved();
      await node.down();
      await node.up();
      await addAddress(c, GLOBAL.c);
      // The announcement of the address updates the entry.
      const after = await resolved();
      assertNotEquals(after, before);
      assertEquals(await unanswered(a, [GLOBAL.c], [56]), []);
    },
  );

  Deno.test("IPv6: duplicate addresses are detected between ipoib and ib_ipoib in both directions", async () => {
    const { a, c } = fabric;
    const cases = [
      [a, c, DUPLICATES.kernel],
      [c, a, DUPLICATES.ipoib],
    ] as const;
    for (const [owner, other, address] of cases) {
      await addAddress(owner, address);
      await probe(other, other.patient(1));
      await other.must(`ip -6 addr add ${address}/64 dev ib0`);
      await waitFor(
        other,
        `ip -6 addr show dev ib0 to ${address} | grep -q dadfailed`,
        ADDRESS_S,
      );
      await Promise.all(
        [owner, other].map((guest) =>
          guest.must(`ip -6 addr del ${address}/64 dev ib0`)
        ),
      );
      await probe(other, 1);
    }
  });

  // The short form has IPv6 only.
  Deno.test("IPv4 and IPv6 multicast packets reach only the member of the group, in both directions", async () => {
    const { a, b, c } = fabric;
    const groups = [
      {
        receive: "UDP4-RECVFROM:5555,reuseaddr,ip-add-membership=239.4.4.4:ib0",
        send: (source: string) =>
          `UDP4-DATAGRAM:239.4.4.4:5555,ip-multicast-if=${source}`,
      },
      {
        receive:
          "UDP6-RECVFROM:5555,reuseaddr,ipv6-join-group=[ff02::4444]:ib0",
        send: () => "UDP6-DATAGRAM:[ff02::4444%ib0]:5555",
      },
    ];
    const directions = [[a, c, "10.44.0.1"], [c, a, "10.44.0.3"]] as const;
    for (
      const [i, { receive, send }] of groups.slice(FULL ? 0 : 1).entries()
    ) {
      for (const [from, to, source] of directions) {
        const mark = `multicast ${i} from ${from.name}`;
        const frames = await withCapture(b, async () => {
          await to.must(
            `socat -u ${receive} OPEN:/tmp/multicast,create,trunc & echo $! > /tmp/multicast.pid`,
          );
          await from.must(
            `for i in $(seq 10); do echo '${mark}' | socat -u STDIN '${
              send(source)
            }'; sleep 0.3; done`,
          );
          await waitFor(to, `grep -q '${mark}' /tmp/multicast`, PACKET_S);
        });
        const seen = frames.filter(({ packet }) =>
          new TextDecoder("latin1").decode(packet).includes(mark)
        );
        assertEquals(seen, [], mark);
      }
    }
  });

  Deno.test("NS, NA and ARP frames of ipoib equal those of ib_ipoib except for addresses", async () => {
    const { a, b, c } = fabric;
    const frames = await withCapture(a, async () => {
      await fabric.flushNeighbours();
      // Guests b and c send solicitations and requests, and answer those of a.
      for (
        const [guest, address] of [[b, 1], [c, 1], [a, 2], [a, 3]] as const
      ) {
        await guest.must(
          `ip neigh flush dev ib0; ip -6 neigh flush dev ib0
           ${pingOnce(guest, `10.44.0.${address}`, 5)}
           ${pingOnce(guest, `fd44::${address}`, 5)}`,
        );
      }
    });
    const kinds = ["ARP request", "ARP reply", "NS", "NA"] as const;
    const seen = frames.map(resolutionFrame).filter((each) => !!each);
    for (const kind of kinds) {
      const packetOf = (...sources: string[]) =>
        seen.find((each) => each.kind === kind && sources.includes(each.source))
          ?.packet;
      const kernels = packetOf("10.44.0.2", GLOBAL.b);
      assertNotEquals(kernels, undefined, kind);
      assertEquals(packetOf("10.44.0.3", GLOBAL.c), kernels, kind);
    }
  });
}
