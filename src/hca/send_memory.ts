/**
 * The memory for the outgoing packets of an interface. The data path does not copy packets in user space.
 *
 * Frames are read from the sender's network device into slots of the memory, so a slot has space for the whole frame
 * (wire/ethernet.ts: virtio header, Ethernet header, packet); {@linkcode SlotLayout} gives the offsets. On the soft HCA
 * the 4 bytes of the IPoIB header are outside the frame, because the receiver writes the frame from the same slot to its
 * device. On verbs they overwrite the last 4 bytes of the Ethernet header, which are no longer needed then. The message is
 * `IPoIB header (4) + packet` on both. A large send on verbs is several messages, whose headers are in other memory.
 *
 * A reserved slot belongs to the caller until it is posted or until `unreserve`.
 */

import type { FrameMemory } from "../system/frames.ts";

/** Offsets in a send slot, in bytes from the start of the slot. */
export interface SlotLayout {
  /** Offset of the 4 bytes of the IPoIB header. */
  readonly encap: number;
  /** Offset of the virtio header, the start of the frame that is read from the network device. */
  readonly vnet: number;
  /** Offset of the Ethernet header: `vnet + VNET_HEADER_LENGTH`. */
  readonly ethernet: number;
  /** Offset of the IP or ARP packet: `vnet + FRAME_HEADER_LENGTH`. A multiple of 4 on verbs and on the soft HCA. */
  readonly payload: number;
}

/** Memory for the outgoing packets of an interface. */
export interface SendMemory extends FrameMemory {
  readonly layout: SlotLayout;
  /** Number of packets that the device can hold (ib_ipoib's `send_queue_size`). */
  readonly queueSize: number;
  /** The memory of all slots; slot `i` starts at `i * stride`. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly stride: number;
  /**
   * Reserves a free slot and returns its index, or -1 if there is none; the caller may retry after `HcaPort.onCredit`.
   * With `urgent` (for example for ARP) it hands out a slot even while posted packets wait, for a slow peer or for a free
   * request of the device.
   */
  reserve(urgent?: boolean): number;
}
