/** Peers that violate the link protocol or corrupt the shared ring: their link ends without any other effect. */

import { assertEquals } from "@std/assert";
import {
  encodeLinkMessage,
  LINK_VERSION,
  type LinkHello,
} from "../../../src/hca/soft/link_hello.ts";
import { RING_BYTES } from "../../../src/hca/soft/ring.ts";
import type { SoftPort } from "../../../src/hca/soft/port.ts";
import { SLOTS, STRIDE } from "../../../src/hca/soft/slot_layout.ts";
import { cString, libc } from "../../../ffi/libc.ts";
import { openDescriptors } from "../../system/failing_call.ts";
import { socketPair } from "../../../src/system/socket_pair.ts";
import { createEventFd } from "../../../src/system/event_fd.ts";
import { Fd } from "../../../src/system/fd.ts";
import { createMemory, Mapping } from "../../../src/system/memory.ts";
import {
  accept,
  connect,
  listen,
  receive,
  send,
} from "../../../src/system/unix_socket.ts";
import { GSI_QPN } from "../../../src/wire/mad.ts";
import {
  RC_SEND_ONLY,
  UD_SEND_ONLY,
} from "../../../src/wire/transport_headers.ts";
import { random } from "../../wire/support.ts";
import {
  connectEnd,
  createEnd,
  openInterface,
  send as sendMessage,
} from "./connection.ts";
import {
  memoryOf,
  registerByHand,
  type Rogue,
  ROGUE_GUID,
  Subnet,
} from "./subnet.ts";

const F_ADD_SEALS = 1033;
const F_SEAL_WRITE = 8;

function withRogue(
  act: (rogue: Rogue, subnet: Subnet) => void,
): { violations: number; ended: boolean } {
  using subnet = new Subnet();
  const [port] = subnet.openAll(0x11n);
  using rogue = subnet.linkedRogue(port!);
  act(rogue, subnet);
  subnet.settle();
  rogue.look();
  return {
    violations: port!.counters().ring_violations!,
    ended: rogue.ended,
  };
}

const badDescriptors: Record<string, (rogue: Rogue) => void> = {
  "a slot beyond its memory": (rogue) => rogue.describe(1, [4, 100]),
  "a negative slot": (rogue) => rogue.describe(1, [-1, 100]),
  "the highest slot number": (rogue) => rogue.describe(1, [0x7fffffff, 100]),
  "more descriptors than the ring holds": (rogue) => rogue.describe(257),
  "a head that moves backwards": (rogue) => rogue.describe(-1),
};
for (const [what, write] of Object.entries(badDescriptors)) {
  Deno.test(`a peer that publishes ${what} loses its link`, () => {
    assertEquals(withRogue(write), { violations: 1, ended: true });
  });
}

Deno.test("malformed packets are counted, and the link stays open", () => {
  const result = withRogue((rogue, subnet) => {
    rogue.describe(3, [0, 100], [1, 0], [2, 70_000]);
    subnet.settle();
    const { port } = subnet.ports[0]!;
    const { bad_header, bad_length, rcv_packets } = port.counters();
    assertEquals([bad_header, bad_length, rcv_packets], [1, 2, 0]);
    // Their slots are returned.
    assertEquals(Atomics.load(rogue.words, 16), 3);
  });
  assertEquals(result, { violations: 0, ended: false });
});

Deno.test("the port survives random bytes in slots and rings", () => {
  const next = random(4242);
  using subnet = new Subnet();
  const [port, peer] = subnet.openAll(0x11n, 0x12n);
  const own = openInterface(subnet, port!);
  const { qp, taken } = own;
  for (let round = 0; round < 20; round++) {
    using rogue = subnet.rogue(port!);
    const connected = createEnd(own);
    connectEnd(
      connected,
      { dlid: rogue.lid, qpn: 0x48 },
      { sendPsn: 0, receivePsn: 0 },
      { retryCount: 7, rnrRetryCount: 7 },
    );
    sendMessage(connected, new Uint8Array(64));
    subnet.settle(2);
    for (let n = 0; n < 4; n++) {
      for (let i = 0; i < 128; i++) {
        rogue.bytes[n * STRIDE + i] = next(256);
      }
      // Valid LNH, DLID, opcode and QPN let some packets pass the first checks.
      rogue.view.setUint8(n * STRIDE + 1, 2 + next(2));
      rogue.view.setUint16(n * STRIDE + 2, port!.attributes.lid);
      const [opcode, qpn] = next(2)
        ? [RC_SEND_ONLY, connected.qp.qpn]
        : [UD_SEND_ONLY, next(4) ? qp.qpn : GSI_QPN];
      rogue.view.setUint8(n * STRIDE + 48, opcode);
      rogue.view.setUint32(n * STRIDE + 52, qpn);
      // Some messages of the connection are the next one, or near it.
      if (next(2)) rogue.view.setUint16(n * STRIDE + 6, rogue.lid);
      if (next(2)) rogue.view.setUint16(n * STRIDE + 50, 0xffff);
      rogue.view.setUint32(n * STRIDE + 56, next(4));
    }
    rogue.describe(
      next(8) ? next(5) : next(0x7fffffff),
      ...[0, 1, 2, 3].map((slot) =>
        [next(6) ? slot : next(300), next(70_000)] as [number, number]
      ),
    );
    for (let i = 0; i < 20; i++) rogue.words[576 + next(256)] = next(1000);
    subnet.settle(3);
    connected.qp.close();
  }
  subnet.settle();
  const sender = subnet.receiver(peer!);
  const slot = memoryOf(peer!).reserve();
  memoryOf(peer!).bytes.fill(0, slot * STRIDE, slot * STRIDE + 200);
  const ah = peer!.createAddressHandle({
    dlid: port!.attributes.lid,
    sl: 0,
    staticRate: 0,
  });
  const before = taken.length;
  sender.qp.post(slot, 60, ah, qp.qpn, 1);
  subnet.until(() => taken.length === before + 1, "a valid packet");
});

const hellos: Record<string, Partial<LinkHello>> = {
  "another version": { version: 99 as LinkHello["version"] },
  "another stride": { stride: 4096 },
  "more slots than its memory has": { slots: 5 },
  "a malformed GUID": { guid: "0xzz" },
  "another port's GUID": { guid: "0x0000000000000012" },
  "a forged token": { token: "0".repeat(32) },
  "a P_Key that its port does not have": { pkey: 0x8044 },
  "a limited P_Key where its port has the full one": { pkey: 0x7fff },
};
for (const [what, hello] of Object.entries(hellos)) {
  Deno.test(`a port hangs up on a hello with ${what}`, () => {
    using subnet = new Subnet();
    const [port] = subnet.openAll(0x11n);
    using rogue = subnet.rogue(port!, hello);
    subnet.until(() => {
      rogue.look();
      return rogue.ended;
    });
    assertEquals(rogue.accepted, false);
  });
}

Deno.test("a port hangs up on a hello with missing, surplus or unsuitable descriptors", () => {
  using subnet = new Subnet();
  const [port] = subnet.openAll(0x11n);
  const path = `${subnet.directory}/port-0000000000000011.sock`;
  const { manager, links } = registerByHand(subnet, ROGUE_GUID);
  using _manager = manager;
  const bytes = encodeLinkMessage({
    version: LINK_VERSION,
    guid: ROGUE_GUID,
    token: links.get("0x0000000000000011")!,
    pkey: 0xffff,
    pool: 0,
    slots: 1,
    stride: STRIDE,
  });
  using slots = createMemory("rogue", STRIDE);
  using ring = createMemory("rogue", RING_BYTES);
  using bell = createEventFd();
  using readOnly = new Fd(
    libc().open(cString(`/proc/self/fd/${ring.number}`), 0, 0),
  );
  using writeOnly = new Fd(
    libc().open(cString(`/proc/self/fd/${slots.number}`), 1, 0),
  );
  using unsealed = new Fd(libc().memfd_create(cString("unsealed"), 3));
  libc().ftruncate(unsealed.number, BigInt(STRIDE));
  using closed = createMemory("rogue", RING_BYTES);
  libc().fcntl(closed.number, F_ADD_SEALS, BigInt(F_SEAL_WRITE));
  const [pipe] = socketPair();
  using _pipe = pipe;
  const [s, r, b] = [slots.number, ring.number, bell.number];
  const wrong: Record<string, number[]> = {
    "no descriptor": [],
    "one descriptor": [s],
    "four descriptors": [s, r, b, b],
    "unsealed memory": [unsealed.number, r, b],
    "an eventfd as memory": [b, r, b],
    "slots as ring": [s, s, b],
    "memory that cannot be read": [writeOnly.number, r, b],
    "a ring that cannot be written": [s, readOnly.number, b],
    "a ring that is sealed against writing": [s, closed.number, b],
    "a socket as doorbell": [s, r, pipe.number],
    "memory as doorbell": [s, r, r],
  };
  const open = openDescriptors();
  for (const [what, fds] of Object.entries(wrong)) {
    using connection = connect(path)!;
    send(connection.number, bytes, fds);
    let ended = false;
    subnet.until(() => ended = receive(connection.number).type === "closed");
    assertEquals([what, ended], [what, true]);
  }
  assertEquals(openDescriptors(), open, "no descriptor leaks");
  assertEquals(port!.attributes.state, "active");
  const { links_refused, links_failed, links: left } = port!.counters();
  assertEquals([links_refused, links_failed, left], [3, 8, 0]);
});

Deno.test("messages after the hello wake the port and have no other effect", () => {
  const noise = new Uint8Array([1, 2, 3]);
  assertEquals(
    withRogue((rogue) => rogue.say(noise)),
    { violations: 0, ended: false },
  );
});

Deno.test("a peer that only wakes the port and sends no packets loses its link", () => {
  using subnet = new Subnet();
  const [port] = subnet.openAll(0x11n);
  using rogue = subnet.linkedRogue(port!);
  let said = 0;
  subnet.until(() => {
    while (said < 20_000 && rogue.say(new Uint8Array(1))) said++;
    rogue.look();
    return rogue.ended;
  }, "the end of the link");
  assertEquals(said > 9000, true, `${said} bytes`);
});

const RETURN_HEAD = 16;
const RETURNS = 576;

/** Replaces a registered port's socket and lets `act` play the receiver of a link with three packets. */
function withRogueReceiver(
  act: (
    words: Int32Array,
    accept: (bytes: Uint8Array<ArrayBuffer>, bell?: "memory") => void,
    post: () => void,
    port: SoftPort,
  ) => void,
): { violations: number; lost: number; free: number } {
  using subnet = new Subnet();
  const [port, peer] = subnet.openAll(0x11n, 0x12n);
  const { lid } = peer!.attributes;
  // The rogue listens at the path of a registered peer.
  const path = `${subnet.directory}/port-0000000000000012.sock`;
  Deno.removeSync(path);
  using listener = listen(path);
  const { qp } = subnet.receiver(port!);
  const ah = port!.createAddressHandle({ dlid: lid, sl: 0, staticRate: 0 });
  const postOne = () => {
    const slot = memoryOf(port!).reserve();
    memoryOf(port!).bytes.fill(0, slot * STRIDE, slot * STRIDE + 200);
    qp.post(slot, 60, ah, 0x48, 1);
  };
  for (let n = 0; n < 3; n++) postOne();
  port!.flush();
  using connection = accept(listener.number)!;
  using bell = createEventFd();
  const hello = receive(connection.number);
  if (hello.type !== "message") throw new Error("no hello");
  const mapping = new Mapping(hello.fds[1]!.number, RING_BYTES, "write");
  act(
    new Int32Array(mapping.buffer),
    (bytes, kind) =>
      send(connection.number, bytes, [
        kind === "memory" ? hello.fds[0]!.number : bell.number,
      ]),
    postOne,
    port!,
  );
  subnet.settle();
  // Collects the returned slots, as a reservation would.
  memoryOf(port!).collect();
  const counters = port!.counters();
  const result = {
    violations: counters.ring_violations!,
    lost: counters.links_lost!,
    free: memoryOf(port!).slots - memoryOf(port!).free,
  };
  mapping.unmap();
  for (const fd of hello.fds) fd.close();
  Deno.removeSync(path);
  return result;
}

const badReturns: Record<string, (words: Int32Array) => void> = {
  "a slot that it does not hold": (words) => words[RETURNS] = 200,
  "a slot twice": (words) => words[RETURNS + 1] = words[RETURNS] = words[64]!,
  "more slots than the ring holds": (words) => words[RETURN_HEAD] = 5000,
};
for (const [what, write] of Object.entries(badReturns)) {
  Deno.test(`a receiver that returns ${what} loses the link, and all slots are freed`, () => {
    const result = withRogueReceiver((words) => {
      Atomics.store(words, RETURN_HEAD, 2);
      write(words);
    });
    assertEquals(result, { violations: 1, lost: 1, free: 0 });
  });
}

Deno.test("a packet for a receiver whose corrupt ring is found when it is posted is counted as unreachable", () => {
  const result = withRogueReceiver((words, _accept, post, port) => {
    // Beyond half of the slots the port has no credit and collects returned slots.
    for (let n = 3; n < SLOTS / 2; n++) post();
    Atomics.store(words, RETURN_HEAD, 5000);
    post();
    const { xmit_no_credit, xmit_unreachable } = port.counters();
    assertEquals([xmit_no_credit, xmit_unreachable], [0, 1]);
  });
  assertEquals(result, { violations: 1, lost: 1, free: 0 });
});

Deno.test("a receiver whose answer is malformed, or whose doorbell is not an eventfd, loses the link", () => {
  const malformed = withRogueReceiver((_words, accept) =>
    accept(new TextEncoder().encode("{}"))
  );
  assertEquals(malformed, { violations: 0, lost: 1, free: 0 });
  const noBell = withRogueReceiver((_words, accept) =>
    accept(encodeLinkMessage({ version: LINK_VERSION }), "memory")
  );
  assertEquals(noBell, { violations: 0, lost: 1, free: 0 });
});

Deno.test("a receiver that returns a slot that it holds keeps the link", () => {
  const result = withRogueReceiver((words) => {
    words[RETURNS] = words[64]!;
    Atomics.store(words, RETURN_HEAD, 1);
  });
  assertEquals(result, { violations: 0, lost: 0, free: 2 });
});
