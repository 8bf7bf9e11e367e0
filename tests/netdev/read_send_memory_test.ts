/** Frames of a TAP in the send memory of verbs, read by both reactors and sent on a fake device. */

import { assert, assertEquals } from "@std/assert";
import { libc } from "../../ffi/libc.ts";
import { patient } from "../../scripts/machine.ts";
import { openTap } from "../../src/netdev/tap/open_tap.ts";
import { Fd } from "../../src/system/fd.ts";
import { withNamespace } from "../../src/system/namespace.ts";
import { PollReactor } from "../../src/system/poll_reactor.ts";
import type { ReactorBase } from "../../src/system/reactor_base.ts";
import { openUringReactor } from "../../src/system/uring/uring_reactor.ts";
import { FRAME_HEADER_LENGTH } from "../../src/wire/ethernet.ts";
import { whyNoUring } from "../e2e/harness/kernel.ts";
import { TestNamespace } from "./support.ts";
import { configure, ipTest } from "./tap_support.ts";
import { SOCK_DGRAM_CLOEXEC, socketAddress } from "../system/socket_address.ts";
import { parsed } from "../wire/large_send_packet.ts";
import { closeReactor } from "../hca/close_reactor.ts";
import { HANDLE, SendQueueRig } from "../hca/verbs/send_queue_rig.ts";

const AF_INET = 2;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const PORT = 5000;
const [SIZE, BYTES, SENDS] = [1400, 30_000, 5];

/** Sends UDP packets of 1400 bytes, the kernel's large sends, and returns their payload. */
function send(netns: TestNamespace): Uint8Array {
  using socket = new Fd(
    withNamespace(
      netns.fd,
      () => libc().socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0),
    ),
  );
  const size = new Uint8Array(new Int32Array([SIZE]).buffer);
  assertEquals(
    libc().setsockopt(socket.number, SOL_UDP, UDP_SEGMENT, size, 4),
    0,
  );
  const all = Uint8Array.from({ length: SENDS * BYTES }, (_, i) => i * 13 + 5);
  const to = socketAddress("10.1.0.2", PORT);
  for (let i = 0; i < SENDS; i++) {
    const payload = all.slice(i * BYTES, (i + 1) * BYTES);
    const sent = libc()
      .sendto(socket.number, payload, BYTES, 0, to, to.length);
    assertEquals(sent, BYTES);
  }
  return all;
}

/** The payload of the sent UDP packets to PORT, whose checksums are checked. */
function received({ posted }: SendQueueRig): Uint8Array {
  const packets = posted.map(({ message }) => message.slice(4));
  return Uint8Array.from(
    packets.filter((packet) => packet[9] === SOL_UDP)
      .flatMap((packet) => [...parsed(packet).payload]),
  );
}

function readsFrames(reactor: ReactorBase): void {
  using netns = new TestNamespace();
  using rig = new SendQueueRig();
  using tap = openTap({ name: "ib0", netns: netns.fd });
  const { memory, queue } = rig;
  tap.setCarrier(true);
  configure(
    netns,
    `link set ib0 mtu 2044 up
     addr add 10.1.0.1/24 dev ib0
     neigh replace 10.1.0.2 dev ib0 nud permanent`,
  );
  netns.settle();
  const reader = reactor.readFrames(tap.fd, memory, {
    onFrames: ({ count, slot, length }) => {
      for (let i = 0; i < count; i++) {
        const packet = length[i]! - FRAME_HEADER_LENGTH;
        const longest = memory.prepare(slot[i]!, packet);
        assert(longest > 0 && longest <= 2044);
        queue.append(slot[i]!, packet, HANDLE, 1, 1);
      }
    },
    onFailed: (errno) => assert(false, `errno ${errno}`),
    onEnd: (errno) => assert(false, `errno ${errno}`),
  });
  const payload = send(netns);
  const end = performance.now() + patient(5000);
  while (received(rig).length < payload.length) {
    assert(performance.now() < end, "all packets are read");
    reactor.turn(5);
    queue.flush();
    if (queue.outstanding > 0) rig.complete(rig.posted.length - 1);
    memory.supply();
  }
  assertEquals(received(rig), payload);
  reader.stop();
  reactor.turn(0);
  reactor.forget(memory);
  closeReactor(reactor);
}

const why = whyNoUring();
ipTest("poll reads large sends into the send memory", () => {
  readsFrames(new PollReactor());
});
if (why === undefined) {
  ipTest("io_uring reads large sends into the send memory", () => {
    readsFrames(openUringReactor());
  });
} else {
  Deno.test({
    name: `io_uring reads large sends into the send memory (skipped: ${why})`,
    ignore: true,
    fn: () => {},
  });
}
