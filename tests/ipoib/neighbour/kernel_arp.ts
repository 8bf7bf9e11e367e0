/** The kernel's side of ARP in tests: frames as it hands them over, and a kernel that answers nothing. */

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
/** That of a unicast probe: whatever lies in the kernel's memory. */
export const GARBAGE = hex("7e5ec4e7b0a1");

/** A frame with the kernel's ARP of 16 bytes. */
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

/** Has the host's kernel answer no ARP; returns where the frames go that it is given. */
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

/** The kernel hands over frames, and what follows happens. */
export function transmit(host: Host, ...frames: Uint8Array[]): void {
  host.netdev.inject(...frames);
  host.rig.settle();
}
