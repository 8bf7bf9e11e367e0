/**
 * `ipoib capture` on a port of a device, decoded by tshark on the host: the headers that the device does not hand over,
 * MADs that libibumad carries, and messages of connections with ib_ipoib.
 */

import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { Event, raise } from "../../../scripts/rig/events.ts";
import { type Fabric, KERNELS, OURS } from "../../../scripts/rig/fabric.ts";
import type { Guest } from "../../../scripts/rig/guest.ts";
import { unanswered, unresolved } from "../../../scripts/rig/ping.ts";
import { report } from "../../../scripts/rig/report.ts";
import { fullTest } from "../../../scripts/test/form.ts";
import { CmAttribute } from "../../../src/wire/cm/cm_mad.ts";
import {
  MULTICAST_QPN,
  parseLinkAddress,
  parseLinkAddressText,
} from "../../../src/wire/link_address.ts";
import { MadStatus, Method, MgmtClass } from "../../../src/wire/mad.ts";
import { SaAttribute } from "../../../src/wire/sa/sa_mad.ts";
import { captureFields, expertProblems } from "../../decoded_capture.ts";
import { kernelMode, type Mode } from "../modes.ts";

const COMMAND = "capture ib0";
const FILE = "/tmp/ib0.pcapng";
const LOG = "/tmp/ib0.pcapng.log";
/** Time limit at normal machine speed. */
const START_S = 30;
/** Payload sizes: a small packet, and an IP packet of the MTU (2044). */
const SIZES = [56, 2016];
/** Payload sizes in connected mode: one that needs a connection, then one that is sent on it. */
const CONNECTED = [60_000, 56];
/** Length of the IP packet of the former. */
const LONG_PACKET = 60_028;
const SA_LID = 1;
const DEFAULT_PKEY = 0xffff;
/** Values of `frame.packet_flags_direction`. */
const IN = 1;
const OUT = 2;
const HEADERS = [
  ...["frame.packet_flags_direction", "infiniband.bth.p_key"],
  ...["infiniband.lrh.slid", "infiniband.deth.srcqp"],
  ...["infiniband.lrh.dlid", "infiniband.bth.destqp"],
];
const MAD = [
  ...["frame.packet_flags_direction", "infiniband.mad.method"],
  ...["infiniband.mad.attributeid", "infiniband.mad.status"],
];

/**
 * Captures ib0 of ipoib during `run`, and passes the path of the file on the host to `check`. Checks that no packet was
 * lost, and that tshark decodes each as IP, ARP or a MAD without an expert error.
 */
async function withDecoded(
  guest: Guest,
  run: () => Promise<unknown>,
  check: (path: string) => Promise<void>,
): Promise<void> {
  await guest.must(`ipoib ${COMMAND} -w ${FILE} > ${LOG} 2>&1 &`);
  await guest.waitFor(
    `grep -q 'capturing on ib0' ${LOG}`,
    START_S,
    `cat ${LOG}`,
  );
  let output: string;
  try {
    await run();
  } finally {
    output = await guest.must(
      `pkill -f 'main.js ${COMMAND}'
       while pgrep -f 'main.js ${COMMAND}' > /dev/null; do sleep 0.1; done
       cat ${LOG}`,
    );
  }
  assertMatch(output, /^0 packets lost by the capture$/m);
  const path = await Deno.makeTempFile({ suffix: ".pcapng" });
  try {
    await Deno.writeFile(path, await guest.read(FILE));
    assertEquals(await expertProblems(path), []);
    assertEquals(
      await captureFields(
        path,
        "!(ip || ipv6 || arp || infiniband.mad)",
        ...["frame.number", "frame.protocols"],
      ),
      [],
    );
    await check(path);
  } finally {
    await Deno.remove(path);
  }
}

/** Returns the different values of fields that are numbers, of the packets that match a display filter. */
async function different(
  path: string,
  filter: string,
  names: readonly string[],
): Promise<number[][]> {
  const rows = await captureFields(path, filter, ...names);
  return [...new Set(rows.map((row) => JSON.stringify(row.map(Number))))]
    .map((text) => JSON.parse(text));
}

/** Returns the QPN of ib0 of ib_ipoib. */
async function kernelQpn(guest: Guest): Promise<number> {
  const text = await guest.must("cat /sys/class/net/ib0/address");
  return parseLinkAddress(parseLinkAddressText(text.trim())!)!.qpn;
}

export function capture(fabric: Fabric): void {
  fullTest(
    "a capture on the port of a device is decoded by tshark, with the LIDs and QPNs of ipoib and ib_ipoib and the MADs of the port",
    async () => {
      const { a, c, node } = fabric;
      const [kernel] = KERNELS;
      const { qpn, hca: { lid } } = await node.link();
      await withDecoded(c, async () => {
        assertEquals(await unresolved(c, [kernel]), []);
        assertEquals(await unresolved(a, [OURS]), []);
        assertEquals(await unanswered(c, [kernel], SIZES), []);
        assertEquals(await unanswered(a, [OURS], SIZES), []);
        // Joins the groups and queries the paths in use again.
        await c.must(raise(Event.Reregister));
        assertEquals(await unanswered(c, [kernel], [SIZES[0]!]), []);
      }, async (path) => {
        const theirs = [SA_LID, await kernelQpn(a)];
        const ours = [lid, qpn];
        for (const type of [0, 8]) {
          const echo = `icmp.type == ${type} && ip.src ==`;
          assertEquals(await different(path, `${echo} ${OURS}`, HEADERS), [
            [OUT, DEFAULT_PKEY, ...ours, ...theirs],
          ]);
          assertEquals(await different(path, `${echo} ${kernel}`, HEADERS), [
            [IN, DEFAULT_PKEY, ...theirs, ...ours],
          ]);
        }
        const broadcasts = (address: string) =>
          different(
            path,
            `arp.opcode == 1 && arp.src.proto_ipv4 == ${address} && infiniband.bth.destqp == ${MULTICAST_QPN}`,
            HEADERS.slice(0, 4),
          );
        // The queue pair receives its own broadcasts too.
        assertEquals(await broadcasts(OURS), [
          [OUT, DEFAULT_PKEY, ...ours],
          [IN, DEFAULT_PKEY, ...ours],
        ]);
        assertEquals(await broadcasts(kernel), [[IN, DEFAULT_PKEY, ...theirs]]);
        const mads = await different(
          path,
          `infiniband.mad.mgmtclass == ${MgmtClass.SubnAdm}`,
          MAD,
        );
        report(`MADs of the subnet administrator: ${JSON.stringify(mads)}`);
        for (
          const [method, attribute] of [
            [Method.Set, SaAttribute.McMemberRecord],
            [Method.Get, SaAttribute.PathRecord],
          ] as const
        ) {
          for (const each of [[OUT, method], [IN, Method.GetResp]]) {
            const row = [...each, attribute, MadStatus.Ok];
            assert(mads.some((mad) => `${mad}` === `${row}`), `${row}`);
          }
        }
      });
    },
  );

  fullTest(
    "a capture of connections between ipoib and ib_ipoib is decoded by tshark, with the MADs that establish them",
    async () => {
      const { a, c, node } = fabric;
      const inMode = (mode: Mode) =>
        Promise.all([kernelMode(a, mode), node.setMode(mode)]);
      await withDecoded(c, async () => {
        await inMode("connected");
        try {
          assertEquals(await unanswered(c, [KERNELS[0]], CONNECTED), []);
          assertEquals(await unanswered(a, [OURS], CONNECTED), []);
        } finally {
          await inMode("datagram");
        }
      }, async (path) => {
        const mads = await different(
          path,
          `infiniband.mad.mgmtclass == ${MgmtClass.CommunicationManagement}`,
          ["frame.packet_flags_direction", "infiniband.mad.attributeid"],
        );
        report(`CM messages: ${JSON.stringify(mads)}`);
        // Each side has opened a connection.
        for (const direction of [IN, OUT]) {
          for (const name of ["Req", "Rep", "Rtu"] as const) {
            const row = `${[direction, CmAttribute[name]]}`;
            assert(mads.some((mad) => `${mad}` === row), `${name} ${row}`);
          }
        }
        for (const address of [OURS, KERNELS[0]]) {
          const sent = `icmp.type == 8 && ip.src == ${address}`;
          for (
            const filter of [
              `infiniband.bth.opcode == 4 && ${sent}`,
              `ipoib && ip.len == ${LONG_PACKET} && ${sent} && frame.comment contains "RC message from LID"`,
            ]
          ) {
            const rows = await captureFields(path, filter, "frame.number");
            assertGreater(rows.length, 0, filter);
          }
        }
      });
    },
  );
}
