/**
 * The next-hop program: writes the next hop chosen by the kernel into the Ethernet destination of each IPv4 frame
 * (wire/kernel_next_hop.ts).
 *
 * At TCX egress, before the frame enters the device's queue, the sk_buff refers to the chosen route (`_skb_refdst`: a
 * `dst_entry` at the start of a `struct rtable`; `include/net/route.h`). The program does not change frames of other
 * protocols, frames without a route (packet sockets), frames with a dst_entry that is not an IPv4 route (tunnel
 * metadata), or frames with an IPv6 gateway, which does not fit into the destination.
 */

import { BpfTcx } from "../../../ffi/bpf.ts";
import { Bpf, BpfSkBuff } from "../../../ffi/bpf_layout.ts";
import {
  add,
  and,
  assemble,
  callHelper,
  callKernel,
  exit,
  jumpIf,
  jumpUnless,
  load,
  move,
  R,
  set,
  store,
  storeValue,
  Width,
} from "./assembler.ts";
import {
  NEXT_HOP_KNOWN,
  NEXT_HOP_LENGTH,
  NextHopField,
} from "../../wire/kernel_next_hop.ts";
import type { KernelTypes } from "./kernel_types.ts";

const AF_INET = 2;
/** ETH_P_IP in network byte order, loaded on a little-endian machine. */
const PROTOCOL_IPV4 = 0x0008;
/** Address bits of `_skb_refdst`. */
const ADDRESS_BITS = ~1;
/** Stack offset of the 6 bytes to write. It aligns the gateway, as the verifier requires. */
const MARK = -6;
const ROUTE_TYPE = MARK + NextHopField.RouteType;
const GATEWAY = MARK + NextHopField.Gateway;
const ETHERNET_DESTINATION = 0;

/** Assembles the program for a kernel with these types. */
export function nextHopProgram(types: KernelTypes): Uint8Array {
  const [context, route] = [R.R6, R.R7];
  return assemble([
    move(context, R.R1),
    load(Width.Word, R.R2, context, BpfSkBuff.Protocol),
    jumpUnless(R.R2, PROTOCOL_IPV4, "done"),

    callKernel(types.castToKernelContext),
    load(Width.Double, R.R1, R.R0, types.skbRefdst),
    and(R.R1, ADDRESS_BITS),
    jumpIf(R.R1, 0, "done"),
    set(R.R2, types.rtable),
    callKernel(types.readOnlyCast),
    move(route, R.R0),
    load(Width.Double, R.R1, route, types.dstOps),
    load(Width.Byte, R.R1, R.R1, types.opsFamily),
    jumpUnless(R.R1, AF_INET, "done"),

    set(R.R2, 0),
    load(Width.Byte, R.R1, route, types.rtGatewayFamily),
    jumpIf(R.R1, 0, "on link"),
    jumpUnless(R.R1, AF_INET, "done"),
    load(Width.Word, R.R2, route, types.rtGateway4),
    "on link",
    storeValue(Width.Byte, R.R10, MARK, NEXT_HOP_KNOWN),
    load(Width.Byte, R.R1, route, types.rtType),
    store(Width.Byte, R.R10, ROUTE_TYPE, R.R1),
    store(Width.Word, R.R10, GATEWAY, R.R2),

    // bpf_skb_store_bytes(context, offset, from, length, flags) first makes a cloned header writable.
    move(R.R1, context),
    set(R.R2, ETHERNET_DESTINATION),
    move(R.R3, R.R10),
    add(R.R3, MARK),
    set(R.R4, NEXT_HOP_LENGTH),
    set(R.R5, 0),
    callHelper(Bpf.FUNC_SKB_STORE_BYTES),

    "done",
    set(R.R0, BpfTcx.NEXT),
    exit(),
  ]);
}
