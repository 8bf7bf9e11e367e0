/** ARP of the kernel in tests: frames that the kernel sends, and a kernel that does not reply. */

import {
  DEVICE_ARP_LENGTH,
  emitDeviceArp,
} from "../../../src/wire/device_arp.ts";
import { EtherType } from "../../../src/wire/encap.ts";
import {
  ETHERNET_HEADER_LENGTH,
  FRAME_HEADER_LENGTH,
} from "../../../src/wire/ethernet.ts";
import { VNET_HEADER_LENGTH } from "../../../src/wire/vnet.ts";
import { hex, viewOf } from "../../wire/support.ts";
import { type Host, ip } from "../rig.ts";

/** Ethernet destination of a broadcast request. */
const TO_ALL = hex("ffffffffffff");
/** Ethernet destination of a unicast probe: uninitialized kernel memory. */
export const GARBAGE = hex("7e5ec4e7b0a1");

/** Returns a frame with an ARP packet of the kernel, 16 bytes. */
export function kernelArp(
  operation: number,
  sender: string,
  target: string,
  destination = TO_ALL,
): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_LENGTH + DEVICE_ARP_LENGTH);
  frame.set(destination, VNET_HEADER_LENGTH);
  frame.set(GARBAGE, VNET_HEADER_LENGTH + 6);
  frame.set([0x08, 0x06], VNET_HEADER_LENGTH + ETHERNET_HEADER_LENGTH - 2);
  const arp = { operation, senderIp: ip(sender), targetIp: ip(target) };
  emitDeviceArp(arp, viewOf(frame), FRAME_HEADER_LENGTH);
  return frame;
}

/** Stops the host's kernel from processing ARP; returns the array that receives the ARP frames written to it. */
export function muteKernel(host: Host): Uint8Array[] {
  const frames: Uint8Array[] = [];
  host.netdev.config.neighbours.take = (frame) => {
    const isArp = viewOf(frame).getUint16(FRAME_HEADER_LENGTH - 2) ===
      EtherType.Arp;
    if (isArp) frames.push(frame);
    return isArp;
  };
  return frames;
}

/** Sends frames from the kernel, without its neighbour resolution, and settles the rig. */
export function transmit(host: Host, ...frames: Uint8Array[]): void {
  host.netdev.inject(...frames);
  host.rig.settle();
}
