/** Malformed data on every socket is refused, counted or ignored, and does not affect traffic. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  type Host,
  type Lab,
  labTest,
  pause,
  Pings,
  until,
} from "./harness/mod.ts";
import { acceptable, RogueLink } from "./harness/rogue_link.ts";
import { RoguePort } from "./harness/rogue_port.ts";
import { LineConnection, RawConnection } from "./harness/sockets.ts";
import { LINK_VERSION } from "../../src/hca/soft/link_hello.ts";
import { RING_BYTES } from "../../src/hca/soft/ring.ts";
import { STRIDE } from "../../src/hca/soft/slot_layout.ts";
import { PROTOCOL_VERSION, type Welcome } from "../../src/subnet/messages.ts";
import { newLinkSecret } from "../../src/subnet/link_token.ts";
import { encodeMad } from "../../src/subnet/protocol.ts";
import { createEventFd } from "../../src/system/event_fd.ts";
import { createMemory } from "../../src/system/memory.ts";
import { Fd } from "../../src/system/fd.ts";
import { gsiAddress } from "../../src/wire/mad.ts";
import { RC_SEND_ONLY } from "../../src/wire/transport_headers.ts";
import { cString, libc } from "../../ffi/libc.ts";

const GUID = "0x0200000000000bad";

/** Returns reproducible pseudorandom bytes. */
function noise(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < length; i++) {
    state = Math.imul(state, 1664525) + 1013904223 >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

function text(message: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(
    typeof message === "string" ? message : JSON.stringify(message),
  );
}

/** Returns a control frame of sm.sock: kind 1, then JSON. */
function control(message: unknown): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([1, ...text(message)]);
}

/** Runs `body` while one host pings the other. Checks that no ping is lost. */
async function withoutLoss(
  lab: Lab,
  body: (a: Host, b: Host) => Promise<void>,
): Promise<void> {
  const [a, b] = await lab.running(2);
  assert(await a.reaches(b));
  await using pings = await Pings.start(a, b.address, { interval: 0.01 });
  await body(a, b);
  assertEquals(await pings.lost(), 0);
  for (const host of [a, b]) {
    assertEquals((await host.link()).state, "running");
    assertEquals((await host.ipoib("link", "show", "ib0")).code, 0);
  }
}

labTest(
  "Malformed requests on the control socket receive an error code",
  (lab) =>
    withoutLoss(lab, async (a) => {
      const path = `${a.sockets}/ib0.sock`;
      const refusals: [string, string][] = [
        ["\u0000\u0001}{\n", "E_IPC_JSON"],
        ["[]\n", "E_IPC_REQUEST"],
        ['{"id":1}\n', "E_IPC_REQUEST"],
        ['{"id":1,"method":"fly","params":{}}\n', "E_IPC_METHOD"],
        ['{"id":1,"method":"toString"}\n', "E_IPC_METHOD"],
        ['{"id":1,"method":"link.set","params":{"name":7}}\n', "E_IPC_PARAMS"],
        [
          '{"id":1,"method":"link.set","params":{"name":"ib0","mtu":-1}}\n',
          "E_IPC_PARAMS",
        ],
        ['{"id":1,"method":"stats","params":{"extra":1}}\n', "E_IPC_PARAMS"],
        [
          '{"id":1,"method":"link.show","params":{"name":"ib9"}}\n',
          "E_NO_INTERFACE",
        ],
      ];
      {
        using lines = await LineConnection.connect(path);
        for (const [line, code] of refusals) {
          await lines.write(line);
          const answer = await lines.read();
          assertEquals([line, answer?.error?.code], [line, code]);
        }
        await lines.write('{"id":"last","method":"child.list","params":{}}\n');
        const answer = await lines.read();
        assertEquals([answer?.id, answer?.ok], ["last", true]);
      }
      {
        using lines = await LineConnection.connect(path);
        await lines.write(`{"id":1,"method":"${"x".repeat(70_000)}"}\n`);
        assertEquals((await lines.read())?.error?.code, "E_IPC_TOO_LARGE");
        assertEquals(await lines.read(), undefined);
      }
      for (let seed = 1; seed <= 20; seed++) {
        using lines = await LineConnection.connect(path);
        await lines.write(noise(2000, seed));
      }
      {
        // An incomplete request, then the end of the connection.
        using lines = await LineConnection.connect(path);
        await lines.write('{"id":1,"meth');
      }
    }),
);

labTest(
  "Malformed frames on the subnet manager's socket are refused or ignored",
  (lab) =>
    withoutLoss(lab, async (a, b) => {
      const path = `${lab.runtime}/subnet/default/sm.sock`;
      {
        using port = RawConnection.connect(path);
        const version = PROTOCOL_VERSION + 7;
        port.send(control({ type: "hello", version, guid: GUID }));
        const refusal = new TextDecoder().decode((await port.receive())?.bytes);
        assertMatch(refusal, /E_SUBNET_VERSION/);
        assertMatch(refusal, new RegExp(`\\b${version}\\b`));
        assertMatch(refusal, new RegExp(`\\b${PROTOCOL_VERSION}\\b`));
      }
      using port = RawConnection.connect(path);
      for (let seed = 1; seed <= 50; seed++) port.send(noise(seed * 7, seed));
      for (const kind of [1, 2]) {
        port.send(Uint8Array.of(kind));
        port.send(Uint8Array.of(kind, ...noise(271, kind)));
      }
      for (
        const message of [
          "{",
          [],
          { type: "hello" },
          { type: "hello", version: PROTOCOL_VERSION, guid: "0xnonsense" },
          { type: "welcome" },
          { type: "show", id: -1 },
        ]
      ) port.send(control(message));
      const hello = {
        type: "hello",
        version: PROTOCOL_VERSION,
        guid: GUID,
        name: "rogue",
        pid: 1,
        secret: newLinkSecret(),
      };
      const memberships = {
        type: "memberships",
        memberships: [{
          ...{ mgid: "ff12401bffff00000000000000000001", mlid: 0xc000 },
          ...{ joinState: 1, pkey: 0x7777, qkey: 0, mtu: 63, rate: 63, sl: 0 },
          ...{ flowLabel: 0, hopLimit: 0, tclass: 0 },
        }],
      };
      port.send(control(hello));
      const answer = await port.receive();
      assertEquals(answer?.bytes[0], 1);
      const welcome = JSON.parse(
        new TextDecoder().decode(answer?.bytes.subarray(1)),
      ) as Welcome;
      assertEquals(welcome.type, "welcome");
      // The port is registered: MADs of valid and invalid classes to the manager and to other ports.
      const lids = [welcome.smLid, 0, 0xffff, (await a.link()).hca.lid];
      for (let seed = 1; seed <= 100; seed++) {
        const mad = noise(256, seed);
        mad[0] = 1;
        mad[1] = [3, 4, 7, 0x81][seed % 4]!;
        mad[2] = 2;
        const lid = lids[seed % lids.length]!;
        port.send(encodeMad(mad, gsiAddress(lid)));
      }
      port.send(control(memberships));
      port.send(control(hello));
      using other = RawConnection.connect(path);
      other.send(
        control({ ...hello, guid: (await b.link()).hca.guid, guidFixed: true }),
      );
      const refusal = new TextDecoder().decode((await other.receive())?.bytes);
      assertMatch(refusal, /E_SUBNET_GUID/);
      const { ports } = await a.call("subnet.show", {});
      assertEquals(ports.map((each) => each.name).sort(), [
        "ib0",
        "ib0",
        "rogue",
      ]);
    }),
);

/** Creates a memfd without seals, which could be truncated while it is mapped. */
function unsealed(size: number): Fd {
  const fd = new Fd(libc().memfd_create(cString("unsealed"), 1));
  libc().ftruncate(fd.number, BigInt(size));
  return fd;
}

labTest(
  "Malformed data on a port's socket ends only this link",
  (lab) =>
    withoutLoss(lab, async (a, b) => {
      const { hca, qpn } = await b.link();
      using port = await RoguePort.register(lab, GUID);
      const path = port.socket(hca.guid);
      const hello = {
        version: LINK_VERSION,
        guid: GUID,
        token: port.token(hca.guid),
        pkey: 0xffff,
        pool: 0,
        slots: 4,
        stride: STRIDE,
      };
      using memory = createMemory("slots", 4 * STRIDE);
      using ring = createMemory("ring", RING_BYTES);
      using bell = createEventFd();
      using soft = unsealed(4 * STRIDE);
      using softRing = unsealed(RING_BYTES);
      const fds = [memory.number, ring.number, bell.number];
      const [m, r, e] = fds as [number, number, number];
      const hellos: [string, Uint8Array, number[]][] = [
        ["noise", noise(100, 1), []],
        ["noise with descriptors", noise(100, 2), fds],
        ["version", text({ ...hello, version: 99 }), fds],
        ["no descriptors", text(hello), []],
        ["one descriptor", text(hello), [m]],
        ["too many descriptors", text(hello), [...fds, e]],
        ["too many slots", text({ ...hello, slots: 257 }), fds],
        ["more slots than memory", text({ ...hello, slots: 5 }), fds],
        ["stride", text({ ...hello, stride: 4096 }), fds],
        ["unsealed memory", text(hello), [soft.number, r, e]],
        ["unsealed ring", text(hello), [m, softRing.number, e]],
        ["eventfds instead of memory", text(hello), [e, e, e]],
        ["memory and ring swapped", text(hello), [r, m, e]],
        ["wrong token", text({ ...hello, token: "0".repeat(32) }), fds],
        [
          "GUID of another port",
          text({ ...hello, guid: (await a.link()).hca.guid }),
          fds,
        ],
        ["another partition", text({ ...hello, pkey: 0x8044 }), fds],
      ];
      for (const [what, bytes, descriptors] of hellos) {
        using connection = RawConnection.connect(path);
        connection.send(bytes, descriptors);
        assertEquals([what, await connection.receive()], [what, undefined]);
      }

      const violations = async () =>
        (await b.counters())["port_ring_violations"]!;
      const ringErrors: [string, (link: RogueLink) => void][] = [
        ["a slot beyond the last", (link) => link.describe(4, 40)],
        ["a slot before the first", (link) => link.describe(-1, 40)],
        ["a slot number of 2^31 - 1", (link) => link.describe(0x7fffffff, 40)],
        ["more descriptors than the ring holds", (link) => link.claim(257)],
        ["a head that moves backwards", (link) => link.claim(-1)],
      ];
      for (const [what, violate] of ringErrors) {
        using link = await RogueLink.open(port, hca.guid);
        const before = await violations();
        violate(link);
        assertEquals([what, await link.ended()], [what, true]);
        assertEquals([what, await violations()], [what, before + 1]);
      }

      // Invalid packets in valid slots.
      using link = await RogueLink.open(port, hca.guid);
      const good = acceptable({ lid: hca.lid, qpn }, port);
      const packets: [string, Partial<typeof good>, number][] = [
        ["port_bad_length", {}, 0],
        ["port_bad_length", {}, 65536],
        ["port_bad_length", {}, -1],
        ["port_bad_length", {}, 2045],
        ["port_bad_header", { lnh: 0 }, 40],
        ["port_bad_header", { opcode: 0x24 }, 40],
        ["port_bad_qpn", { opcode: RC_SEND_ONLY }, 40],
        ["port_bad_lid", { dlid: hca.lid + 1 }, 40],
        ["port_bad_lid", { slid: hca.lid }, 40],
        ["port_bad_gid", { lnh: 3, sguid: 1n }, 40],
        ["port_bad_qpn", { qpn: qpn + 1000 }, 40],
        ["port_rcv_constraint_errors", { pkey: 0x8001 }, 40],
        ["port_rcv_constraint_errors", { pkey: 0 }, 40],
        ["port_qkey_violations", { qkey: 0xb1c }, 40],
        ["port_multicast_filtered", { dlid: 0xc123, lnh: 3 }, 40],
      ];
      for (const [counter, wrong, length] of packets) {
        const before = (await b.counters())[counter]!;
        link.packet({ ...good, ...wrong }, length);
        await until(
          `${counter} of ${Deno.inspect(wrong)}`,
          async () => (await b.counters())[counter] === before + 1,
        );
      }
      // Packets that the port accepts and the engine drops.
      const drops = async (reason: string) =>
        (await b.link()).drops[reason] ?? 0;
      for (
        const [reason, encap] of [
          ["rx_malformed", 0x08000000],
          ["rx_malformed", 0x08060000],
          ["rx_unknown_type", 0x12340000],
          ["rx_malformed", 0x86dd0000],
        ] as const
      ) {
        const before = await drops(reason);
        link.packet({ ...good, encap });
        await until(reason, async () => await drops(reason) === before + 1);
      }
      assertEquals(
        (await b.counters())["port_ring_violations"],
        ringErrors.length,
      );
      assert(await a.reaches(b));
    }),
);

labTest(
  "A doorbell that a peer has filled or made blocking does not stop the port for other peers",
  async (lab) => {
    const [a, b] = await lab.running(2);
    assert(await a.reaches(b));
    using port = await RoguePort.register(lab, GUID);
    const { guid } = (await b.link()).hca;
    using link = await RogueLink.open(port, guid);
    const { bell } = link;
    // With --io poll there is no doorbell.
    if (bell) {
      const full = new Uint8Array(new BigUint64Array([2n ** 64n - 2n]).buffer);
      libc().read(bell.number, new Uint8Array(8), 8);
      assertEquals(libc().write(bell.number, full, 8), 8);
      const F_SETFL = 4;
      libc().fcntl(bell.number, F_SETFL, 2n);
    }
    for (let i = 0; i < 3; i++) {
      // Long enough for the port to go to sleep.
      await pause(300);
      assert(await a.reaches(b), `ping ${i}`);
    }
  },
);
