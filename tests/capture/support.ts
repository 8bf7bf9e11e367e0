/** Rings whose both ends are in this process, and packets taken from them. */

import { Packet } from "../../src/capture/packet.ts";
import { ringBytes, RingReader, RingWriter } from "../../src/capture/ring.ts";
import { createMemory } from "../../src/system/memory.ts";

/** A ring with both ends. */
export class TestRing implements Disposable {
  readonly writer: RingWriter;
  readonly reader: RingReader;

  constructor(capacity: number) {
    using memory = createMemory("test", ringBytes(capacity));
    this.writer = new RingWriter(memory.number, capacity);
    this.reader = new RingReader(memory.number, capacity);
  }

  /** Takes the oldest record. Throws if there is none, or if it is invalid. */
  take(): Packet {
    const packet = new Packet();
    const at = this.reader.take();
    if (at < 0 || !packet.load(this.reader, at)) throw new Error("No record");
    this.reader.release();
    return packet;
  }

  [Symbol.dispose](): void {
    this.writer[Symbol.dispose]();
    this.reader[Symbol.dispose]();
  }
}
