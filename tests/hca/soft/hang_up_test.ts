/**
 * A peer hangs up while writes to the device out of its memory are prepared but not submitted: exactly the packets that
 * it sent before are written.
 */

import { assert, assertEquals } from "@std/assert";
import { libc } from "../../../ffi/libc.ts";
import { socketPair } from "../../../src/system/socket_pair.ts";
import { createMemory, Mapping } from "../../../src/system/memory.ts";
import { openUringReactor } from "../../../src/system/uring/uring_reactor.ts";
import { FRAME_HEADER_LENGTH } from "../../../src/wire/ethernet.ts";
import { whyNoUring } from "../../e2e/harness/kernel.ts";
import { post } from "./post.ts";
import { memoryOf, Subnet } from "./subnet.ts";

const PACKETS = 32;
const LENGTH = 64;

const why = whyNoUring();
const missing = why === undefined ? "" : ` (skipped: ${why})`;

Deno.test({
  name:
    `packets of a peer that hangs up in the same turn are written to the device${missing}`,
  ignore: missing !== "",
  fn() {
    const reactor = openUringReactor();
    using subnet = new Subnet({}, reactor);
    const [a, b] = subnet.openAll(0x11n, 0x12n);
    const sender = { port: a!, qp: subnet.receiver(a!).qp };
    const qp = b!.createUdQp({
      memory: memoryOf(b!),
      pkeyIndex: 0,
      recvQueueSize: 256,
    });
    qp.setQkey(1);
    const [device, kernel] = socketPair();
    const failures: number[] = [];
    let written = 0;
    const writer = reactor.frameWriter(device.number, {
      onWritten: (frames) => written += frames,
      onRefused: (errno) => failures.push(errno),
    });
    const batch = qp.createBatch();
    let prepared = 0;
    qp.onReceive = () => {
      while (qp.poll(batch) > 0) {
        for (let i = 0; i < batch.count; i++, prepared++) {
          const length = FRAME_HEADER_LENGTH + batch.length[i]!;
          writer.write(batch.vnetAddress[i]!, length);
        }
        qp.release(batch);
      }
    };
    const to = { dlid: b!.attributes.lid, qpn: qp.qpn };
    // The first packet opens the link, whose handshake takes turns of its own.
    post(sender, to, new Uint8Array(LENGTH));
    subnet.until(() => prepared === 1);
    for (let n = 1; n < PACKETS; n++) {
      post(sender, to, new Uint8Array(LENGTH).fill(n));
    }
    // The sender rings the doorbell at the end of this turn and then hangs up.
    reactor.turn(0);
    a!.close();
    // New mappings may take the addresses of the peer's memory; their bytes must not be delivered.
    const others: Mapping[] = [];
    for (let i = 0; i < 6; i++) {
      reactor.turn(1);
      using memory = createMemory("other", 64 << 20);
      const mapping = new Mapping(memory.number, 64 << 20, "write");
      mapping.bytes.fill(0xee, 0, 1 << 20);
      others.push(mapping);
    }
    for (const mapping of others) mapping.unmap();
    assertEquals(prepared, PACKETS);
    assertEquals([failures, written], [[], PACKETS]);
    const frame = new Uint8Array(FRAME_HEADER_LENGTH + LENGTH);
    for (let n = 0; n < PACKETS; n++) {
      assertEquals(
        libc().read(kernel.number, frame, frame.length),
        frame.length,
      );
      assert(frame.subarray(FRAME_HEADER_LENGTH).every((each) => each === n));
    }
    device.close();
    kernel.close();
  },
});
