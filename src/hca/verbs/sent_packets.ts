/** The packets of posted frames, as observers see them: a large send is the packets into which it is cut. */

import { Segmenter } from "../../wire/segmenter.ts";
import { PostResult } from "../post_result.ts";
import type { PacketObservers } from "../packet_observers.ts";
import type { VerbsSendMemory } from "./send_memory.ts";

/**
 * Sets each packet of the frame in `slot` in the observers, and yields its length. The packet of the frame has `length`
 * bytes after the IPoIB header. A large send that was not sent is one packet.
 */
export function* sentPackets(
  observers: PacketObservers,
  status: PostResult,
  memory: VerbsSendMemory,
  slot: number,
  length: number,
): Generator<number> {
  if (status !== PostResult.Sent || !memory.isLarge(slot)) {
    observers.setSlot(memory, slot, length);
    yield length;
    return;
  }
  const { bytes, view, stride, layout, copy } = memory;
  const base = slot * stride;
  const encap = view.getInt32(base + layout.encap);
  const segmenter = new Segmenter(memory.memory);
  segmenter.begin(base + layout.vnet, base + layout.payload, length);
  while (segmenter.left > 0) {
    const { headers, payload } = segmenter;
    const count = segmenter.next(copy);
    bytes.copyWithin(copy + headers, payload, payload + count);
    observers.setPacket(encap, view, -1, copy, headers + count);
    yield headers + count;
  }
}
