/** Large sends of ipoib's kernel to ib_ipoib: their segments on the wire, and the stream that they carry. */

import { assert, assertEquals } from "@std/assert";
import {
  type CapturedFrame,
  withCapture,
} from "../../../scripts/rig/capture.ts";
import { type Fabric, KERNELS } from "../../../scripts/rig/fabric.ts";
import type { Guest } from "../../../scripts/rig/guest.ts";
import { report } from "../../../scripts/rig/report.ts";
import { fullTest } from "../../../scripts/test/form.ts";
import { parsed } from "../../wire/large_send_packet.ts";
import { transfer } from "../transfer.ts";

const PORT = 5777;
const BYTES = 150_000;
/** The capture may miss some of the segments. */
const MIN_SEGMENTS = 20;
const MTU = 2044;
const LIMIT_S = 60;
const TCP = 6;

/** Returns the number of TCP segments that a guest has dropped because of their checksum. */
async function checksumErrors(guest: Guest): Promise<number> {
  const text = await guest.must("grep ^Tcp: /proc/net/snmp");
  const [names, values] = text.trim().split("\n").map((line) =>
    line.split(" ")
  );
  return Number(values![names!.indexOf("InCsumErrors")]);
}

/** Returns the TCP segments with payload to PORT, whose lengths and checksums were checked. */
function segmentsOf(frames: readonly CapturedFrame[]): Uint8Array[] {
  return frames.map(({ packet }) => packet).filter((packet) => {
    const ipv4 = packet[0]! >> 4 === 4;
    if (packet[ipv4 ? 9 : 6] !== TCP) return false;
    const tcp = ipv4 ? 20 : 40;
    const to = packet[tcp + 2]! << 8 | packet[tcp + 3]!;
    return to === PORT && parsed(packet).payload.length > 0;
  });
}

export function largeSends(fabric: Fabric): void {
  for (
    const [name, address, test] of [
      ["IPv4", KERNELS[0], Deno.test],
      ["IPv6", "fd44::1", fullTest],
    ] as const
  ) {
    test(`large sends over ${name} reach ib_ipoib as segments with correct headers and checksums`, async () => {
      const { a, c, node } = fabric;
      const before = await node.statistics();
      const errors = await checksumErrors(a);
      await a.must("ethtool -K ib0 gro off");
      const frames = await withCapture(a, async () => {
        const sums = await transfer(c, a, address, PORT, BYTES, LIMIT_S);
        assertEquals(sums.received, sums.sent);
      });
      await a.must("ethtool -K ib0 gro on");
      const after = await node.statistics();
      const grown = (counter: string) => after[counter]! - before[counter]!;
      const segments = segmentsOf(frames);
      report(
        `${segments.length} segments; tx_packets ${
          grown("tx_packets")
        }, port_posted ${grown("port_posted")}`,
      );
      assert(segments.length >= MIN_SEGMENTS, `${segments.length} segments`);
      for (const each of segments) assert(each.length <= MTU);
      assert(
        grown("port_posted") - grown("tx_packets") > segments.length / 4,
        "the kernel hands over large sends",
      );
      assertEquals(await checksumErrors(a), errors);
    });
  }
}
