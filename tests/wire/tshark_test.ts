/**
 * The frames that we assemble, as an independent dissector reads them: pcapng with ERF records, given to tshark.
 *
 * tshark does not verify ICRC and VCRC; crc_test.ts does.
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type Arp, arpReply, arpRequest, emitArp } from "../../src/wire/arp.ts";
import { encapWord, EtherType } from "../../src/wire/encap.ts";
import { erfRecord } from "../../src/wire/erf.ts";
import { parseGid } from "../../src/wire/gid.ts";
import { emitIcmpEcho, type IcmpEcho } from "../../src/wire/icmp.ts";
import {
  type FrameHeaders,
  ipoibFrame,
} from "../../src/wire/infiniband_frame.ts";
import { emitIpv4Header, IpProtocol } from "../../src/wire/ipv4.ts";
import { parseIpv4 } from "../../src/wire/ipv4_address.ts";
import {
  type LinkAddress,
  LinkAddressFlag,
  MULTICAST_QPN,
} from "../../src/wire/link_address.ts";
import { broadcastMgid, ipv4Mgid } from "../../src/wire/mgid.ts";
import {
  enhancedPacket,
  interfaceDescription,
  LinkType,
  sectionHeader,
} from "../../src/wire/pcapng.ts";
import { golden, viewOf } from "./support.ts";

const PKEY = 0x8001;
const QKEY = 0x0b1b;
const MLID = 0xc001;
const BROADCAST = broadcastMgid(PKEY);
const ip = (text: string) => parseIpv4(text)!;
const host = (id: number) => ({
  lid: id,
  ip: ip(`10.0.0.${id}`),
  address: {
    flags: LinkAddressFlag.Rc,
    qpn: 0x47 + id,
    gid: parseGid(`fe80::2:c903:0:${id}`)!,
  } satisfies LinkAddress,
});
const ONE = host(1);
const TWO = host(2);
type Host = typeof ONE;

/** Seconds since 1970 of the first packet. */
const START = 1_700_000_000n;

function unicast(from: Host, to: Host): FrameHeaders {
  return {
    lrh: { slid: from.lid, dlid: to.lid },
    bth: { pkey: PKEY, destQpn: to.address.qpn, psn: 7 },
    deth: { qkey: QKEY, sourceQpn: from.address.qpn },
  };
}

function multicast(from: Host, mgid: Uint8Array): FrameHeaders {
  return {
    lrh: { slid: from.lid, dlid: MLID },
    grh: { sgid: from.address.gid, dgid: mgid, hopLimit: 1 },
    bth: { pkey: PKEY, destQpn: MULTICAST_QPN, psn: 8 },
    deth: { qkey: QKEY, sourceQpn: from.address.qpn },
  };
}

function arpFrame(headers: FrameHeaders, arp: Arp): Uint8Array {
  const bytes = new Uint8Array(56);
  emitArp(arp, viewOf(bytes), 0);
  return ipoibFrame(headers, encapWord(EtherType.Arp), bytes);
}

function echoFrame(
  headers: FrameHeaders,
  source: number,
  destination: number,
  echo: IcmpEcho,
): Uint8Array {
  const bytes = new Uint8Array(28 + echo.payload.length);
  const view = viewOf(bytes);
  const payloadLength = emitIcmpEcho(echo, view, 20);
  const protocol = IpProtocol.Icmp;
  emitIpv4Header({ source, destination, protocol, payloadLength }, view, 0);
  return ipoibFrame(headers, encapWord(EtherType.Ipv4), bytes);
}

const request = arpRequest(ONE.address, ONE.ip, TWO.ip);
// Eleven bytes: a length that needs pad.
const payload = new TextEncoder().encode("hello ipoib");
const echo: IcmpEcho = { reply: false, id: 0x1234, sequence: 5, payload };
const group = ip("239.1.2.3");
const error = golden("icmp_fragmentation_needed");

const FRAMES = [
  arpFrame(multicast(ONE, BROADCAST), request),
  arpFrame(unicast(TWO, ONE), arpReply(request, TWO.address)),
  echoFrame(unicast(ONE, TWO), ONE.ip, TWO.ip, echo),
  echoFrame(unicast(TWO, ONE), TWO.ip, ONE.ip, { ...echo, reply: true }),
  echoFrame(multicast(ONE, ipv4Mgid(group, BROADCAST)), ONE.ip, group, echo),
  ipoibFrame(unicast(TWO, ONE), encapWord(EtherType.Ipv4), error),
] as const;

async function run(program: string, args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder();
  if (!success) throw new Error(`${program} failed: ${text.decode(stderr)}`);
  return text.decode(stdout);
}

async function onPath(program: string): Promise<boolean> {
  try {
    await run(program, ["--version"]);
    return true;
  } catch {
    return false;
  }
}

/** Has tshark read a capture of all frames. */
async function dissect(...args: string[]): Promise<string> {
  const path = await Deno.makeTempFile({ suffix: ".pcapng" });
  try {
    using file = await Deno.open(path, { write: true });
    const blocks = [
      sectionHeader(),
      interfaceDescription(LinkType.Erf, "ib0"),
      ...FRAMES.map((frame, i) => {
        const time = (START + BigInt(i)) * 1_000_000_000n + 250_000_000n;
        return enhancedPacket({
          interfaceId: 0,
          time,
          bytes: erfRecord(frame, time),
          direction: i % 2 === 0 ? "outbound" : "inbound",
        });
      }),
    ];
    for (const block of blocks) file.writeSync(block);
    return await run("tshark", [
      "-n",
      "-o",
      "ip.check_checksum:TRUE",
      "-r",
      path,
      ...args,
    ]);
  } finally {
    await Deno.remove(path);
  }
}

/** The values of these fields, a row for each frame. */
async function fields(...names: string[]): Promise<string[][]> {
  const options = names.flatMap((name) => ["-e", name]);
  const text = await dissect("-T", "fields", "-E", "occurrence=f", ...options);
  return text.replace(/\n$/, "").split("\n").map((line) => line.split("\t"));
}

const missing = !(await onPath("tshark"));
const reason = missing ? " (skipped: tshark is not on PATH)" : "";
function oracle(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `${name}${reason}`, ignore: missing, fn });
}

oracle("tshark finds IPoIB in every frame", async () => {
  const rows = await fields("frame.protocols", "frame.time_epoch");
  assertEquals(rows.length, FRAMES.length);
  for (const [i, [protocols, time]] of rows.entries()) {
    const kind = i < 2 ? "arp" : "ip:icmp";
    assertMatch(protocols!, new RegExp(`^erf:infiniband.*:${kind}`));
    assertEquals(Number(time), Number(START) + i + 0.25);
  }
});

oracle("tshark reads LIDs, P_Key, QPNs, Q_Key and PSN", async () => {
  const rows = await fields(
    "infiniband.lrh.slid",
    "infiniband.lrh.dlid",
    "infiniband.bth.p_key",
    "infiniband.bth.destqp",
    "infiniband.deth.srcqp",
    "infiniband.deth.q_key",
    "infiniband.bth.psn",
  );
  const numbers = rows.map((row) => row.map(Number));
  const multi = [1, MLID, PKEY, 0xffffff, 0x48, QKEY, 8];
  const there = [1, 2, PKEY, 0x49, 0x48, QKEY, 7];
  const back = [2, 1, PKEY, 0x48, 0x49, QKEY, 7];
  assertEquals(numbers, [multi, back, there, back, multi, back]);
});

oracle("tshark reads lengths and pad as the frames have them", async () => {
  const rows = await fields(
    "infiniband.lrh.pktlen",
    "infiniband.bth.padcnt",
    "infiniband.grh.paylen",
  );
  for (const [i, [words, pad, grh]] of rows.entries()) {
    const frame = FRAMES[i]!;
    assertEquals(Number(words) * 4 + 2, frame.length);
    // Echoes have 43 bytes with the IPoIB header, ARP 60, the error 88.
    assertEquals(Number(pad), i >= 2 && i <= 4 ? 1 : 0);
    const global = i === 0 || i === 4;
    assertEquals(grh, global ? String(frame.length - 50) : "");
  }
});

oracle(
  "tshark reads the GRH of multicast frames and none of unicast",
  async () => {
    const rows = await fields("infiniband.grh.sgid", "infiniband.grh.dgid");
    const none = ["", ""];
    const sgid = "fe80::2:c903:0:1";
    assertEquals(rows, [
      [sgid, "ff12:401b:8001::ffff:ffff"],
      none,
      none,
      none,
      [sgid, "ff12:401b:8001::f01:203"],
      none,
    ]);
  },
);

oracle(
  "tshark reads ARP with hardware type 32 and both addresses",
  async () => {
    const rows = await fields(
      "arp.hw.type",
      "arp.hw.size",
      "arp.opcode",
      "arp.src.proto_ipv4",
      "arp.dst.proto_ipv4",
    );
    assertEquals(rows.slice(0, 2), [
      ["32", "20", "1", "10.0.0.1", "10.0.0.2"],
      ["32", "20", "2", "10.0.0.2", "10.0.0.1"],
    ]);
    const text = await dissect("-V", "-Y", "arp.opcode == 2");
    assertStringIncludes(
      text.replaceAll(":", ""),
      "80000049fe800000000000000002c90300000002",
    );
  },
);

oracle("tshark reads ICMP with good checksums", async () => {
  const rows = await fields(
    "ip.src",
    "ip.dst",
    "icmp.type",
    "icmp.code",
    "ip.checksum.status",
    "icmp.checksum.status",
    "icmp.mtu",
  );
  assertEquals(rows.slice(2), [
    ["10.0.0.1", "10.0.0.2", "8", "0", "1", "1", ""],
    ["10.0.0.2", "10.0.0.1", "0", "0", "1", "1", ""],
    ["10.0.0.1", "239.1.2.3", "8", "0", "1", "1", ""],
    ["10.0.0.2", "10.0.0.1", "3", "4", "1", "1", "2044"],
  ]);
});

oracle("tshark finds nothing malformed", async () => {
  const malformed = await dissect("-Y", "_ws.malformed || _ws.short");
  assertEquals(malformed, "");
});
