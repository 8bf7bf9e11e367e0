/** A TAP with a coalescer before it, to which a test gives the packets of the fabric. */

import { assert, assertEquals } from "@std/assert";
import { addressOf } from "../../ffi/libc.ts";
import { patient } from "../../scripts/machine.ts";
import { Coalescer } from "../../src/ipoib/offload/coalescer.ts";
import type { TapNetdev } from "../../src/netdev/open_netdev.ts";
import { FakeFrames } from "../../src/system/fake_frames.ts";
import type { ReactorBase } from "../../src/system/reactor_base.ts";
import { PollMemory } from "../ipoib/offload/coalescer_rig.ts";
import { ipAddress } from "../wire/support.ts";
import { openTestNetdev, type TestNamespace } from "./support.ts";
import { configure } from "./tap_support.ts";

const FRAME_HEADER = 26;
const MAX_FRAME = 65_536 + FRAME_HEADER;

/** Time and number of turns after which the kernel has started the queue of a device with carrier. */
const QUEUE_MS = 50;
const QUEUE_TURNS = 10;

/** A device, and the packets that the kernel has sent to it. */
export class CoalescingDevice {
  readonly netdev: TapNetdev;
  readonly sent: Uint8Array[] = [];
  /** Numbers of frames and of packets that the kernel has taken. */
  frames = 0;
  packets = 0;
  readonly refused: number[] = [];
  readonly #received = new PollMemory(addressOf);
  readonly #coalescer: Coalescer;

  constructor(
    private readonly netns: TestNamespace,
    private readonly reactor: ReactorBase,
    name: string,
    offload?: number,
  ) {
    const memory = new FakeFrames(64, MAX_FRAME);
    this.netdev = openTestNetdev({ reactor, fd: netns.fd }, {
      ...{ name, memory },
      ...(offload === undefined ? {} : { offload }),
    });
    this.netdev.onFrames = ({ count, slot, length }) => {
      for (let i = 0; i < count; i++) {
        const frame = memory.frame(slot[i]!, length[i]!);
        memory.unreserve(slot[i]!);
        this.sent.push(frame.slice(FRAME_HEADER));
      }
    };
    this.netdev.onWritten = (frames, _bytes, packets) => {
      this.frames += frames;
      this.packets += packets;
    };
    this.netdev.onRefused = (errno) => this.refused.push(errno);
    this.#coalescer = new Coalescer(this.netdev);
    this.#coalescer.udp = true;
  }

  /** Sets the device up and adds a neighbour for each address. */
  start(...neighbours: string[]): void {
    this.netdev.change({ up: true });
    this.netdev.setCarrier(true);
    this.until(() => this.netdev.config.up);
    for (const each of neighbours) {
      this.netdev.config.neighbours.setPermanent(ipAddress(each));
    }
    // The kernel starts the queue shortly after the carrier is up.
    const end = performance.now() + patient(QUEUE_MS);
    this.turns(QUEUE_TURNS);
    while (performance.now() < end) this.turns(1);
  }

  /** Writes the coalesced packets of a poll, with the next turn if the reactor writes later. */
  poll(packets: readonly Uint8Array[]): void {
    const received = packets.map((packet) => ({ packet, verified: false }));
    this.#received.poll(this.#coalescer, received);
  }

  /** Writes the packets of a poll, coalesced or each as a frame. */
  receive(packets: readonly Uint8Array[], coalesced = true): void {
    if (coalesced) this.poll(packets);
    else {
      // A poll for each packet.
      for (const packet of packets) {
        this.poll([packet]);
        this.turns(1);
      }
    }
    this.turns(2);
    assertEquals(this.refused, []);
  }

  until(done: () => boolean): void {
    const end = performance.now() + patient(3000);
    while (!done()) {
      assert(performance.now() < end, "in time");
      this.reactor.turn(10);
    }
  }

  turns(count: number): void {
    for (let i = 0; i < count; i++) this.reactor.turn(5);
  }

  configure(lines: string): void {
    configure(this.netns, lines);
  }
}
