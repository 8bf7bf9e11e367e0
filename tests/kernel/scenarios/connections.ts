/**
 * Connections with the kernel's ib_ipoib in connected mode: CM messages through libibumad, and pings of up to 60000
 * bytes on RC queue pairs of guest `c`, without the interface of ipoib. Guest `c` has no module ib_cm.
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { SLOWNESS } from "../../../scripts/machine.ts";
import type { Fabric } from "../../../scripts/rig/fabric.ts";
import { fullTest } from "../../../scripts/test/form.ts";
import { RejectReason } from "../../../src/wire/cm/rej.ts";
import {
  formatLinkAddress,
  linkAddressBytes,
  LinkFlag,
} from "../../../src/wire/link_address.ts";
import type { Result } from "../guest/ping_responder.ts";

const RUN = "deno run --quiet --no-check --cached-only --allow-all";
const RESPONDER = "/project/tests/kernel/guest/ping_responder.ts";
const LOG = "/tmp/responder.log";
const ADDRESS = "10.44.0.77";
const SIZES = [56, 1000, 30_000, 60_000];
/** Time limits in seconds, at normal machine speed. */
const START_S = 60;
const PINGS_S = 30;
const REPLY_S = 5;

/** Formats the link-layer address of an interface that accepts connections. */
function linkAddress(qpn: number, gid: readonly number[]): string {
  return formatLinkAddress(
    linkAddressBytes({ flags: LinkFlag.Rc, qpn, gid: Uint8Array.from(gid) }),
  );
}

export function connections(fabric: Fabric): void {
  fullTest(
    "a port without ib_cm exchanges long messages with ib_ipoib in connected mode, on a connection in each direction",
    async () => {
      const { b, c, node } = fabric;
      await node.down();
      await b.must(
        "echo connected > /sys/class/net/ib0/mode && ip link set ib0 mtu 65520",
      );
      await c.must(
        `${SLOWNESS}=${c.slowness} ${RUN} ${RESPONDER} ibx0 ${SIZES.length} ${
          c.patient(START_S + PINGS_S)
        } > ${LOG} 2>&1 &`,
      );
      await c.waitFor(`grep -q '"qpn"' ${LOG}`, START_S, `cat ${LOG}`);
      const { qpn, gid } = JSON.parse(await c.must(`head -1 ${LOG}`));
      await b.must(
        `ip neigh replace ${ADDRESS} lladdr ${
          linkAddress(qpn, gid)
        } nud permanent dev ib0`,
      );
      for (const size of SIZES) {
        await b.must(
          `for i in $(seq 20); do ping -q -c 1 -W ${
            b.patient(REPLY_S)
          } -s ${size} ${ADDRESS} && exit 0; done; exit 1`,
          PINGS_S,
        );
      }
      await c.waitFor(`grep -q '"answered"' ${LOG}`, START_S, `cat ${LOG}`);
      const result: Result = JSON.parse(await c.must(`tail -1 ${LOG}`));
      await b.must(
        `ip neigh del ${ADDRESS} dev ib0
       echo datagram > /sys/class/net/ib0/mode`,
      );
      await node.up();
      assertEquals(result.connections, true);
      assertEquals(
        [...new Set(result.answered)],
        SIZES.map((size) => size + 28),
      );
      assert(result.received >= SIZES.length);
      assertEquals(result.rejected, [[RejectReason.InvalidServiceId, true]]);
      for (const kind of ["req", "rep", "rtu", "drep"] as const) {
        assert(result.messages.includes(kind), `message ${kind}`);
      }
      assertEquals(result.failures, []);
      const { counters } = result;
      assertEquals(counters["mads_send_failed"], 0);
      assertEquals(
        counters["posted"],
        counters["completed"]! + counters["abandoned"]!,
      );
    },
  );

  fullTest(
    "with ib_cm loaded, an interface starts without connections and says what frees them",
    async () => {
      const { c, node } = fabric;
      await node.down();
      await c.must("modprobe ib_cm");
      await node.up();
      assertStringIncludes(
        await c.must("ipoib -d link show ib0"),
        "no connected mode: the kernel module ib_cm manages the connections of ibx0/1; to free them: rmmod ib_cm",
      );
      const refused = await c.run("ipoib link set ib0 mode connected");
      assertStringIncludes(refused.output, "rmmod ib_cm");
      assertEquals(refused.code, 2, refused.output);
      await node.down();
      await c.must("rmmod ib_cm");
      await node.up();
      assert(
        !(await c.must("ipoib -d link show ib0")).includes("no connected mode"),
      );
    },
  );
}
