/**
 * The program: it writes the next hop that the kernel chose into the Ethernet destination of each IPv4 frame
 * (wire/told_next_hop.ts).
 *
 * The kernel keeps the chosen route in the sk_buff (`_skb_refdst`: a `dst_entry` that begins a `struct rtable`;
 * `include/net/route.h`) until the frame is in the device's queue, and TCX egress comes before. Left as they are: frames of
 * other protocols, without a route (packet sockets), with a dst_entry that is no IPv4 route (tunnel metadata), and
 * with an IPv6 gateway, which does not fit.
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
  TOLD_LENGTH,
  ToldField,
} from "../../wire/told_next_hop.ts";
import type { KernelTypes } from "./kernel_types.ts";

const AF_INET = 2;
/** ETH_P_IP in network order, as a little-endian machine loads it. */
const PROTOCOL_IPV4 = 0x0008;
/** Bits of `_skb_refdst` that are the address. */
const ADDRESS_BITS = ~1;
/** The six bytes on the stack, so that the gateway is aligned: the verifier wants it. */
const MARK = -6;
const ROUTE_TYPE = MARK + ToldField.RouteType;
const GATEWAY = MARK + ToldField.Gateway;
const ETHERNET_DESTINATION = 0;

/** The instructions for a kernel with these types. */
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

    // bpf_skb_store_bytes(context, offset, from, length, flags): makes a cloned header writable first.
    move(R.R1, context),
    set(R.R2, ETHERNET_DESTINATION),
    move(R.R3, R.R10),
    add(R.R3, MARK),
    set(R.R4, TOLD_LENGTH),
    set(R.R5, 0),
    callHelper(Bpf.FUNC_SKB_STORE_BYTES),

    "done",
    set(R.R0, BpfTcx.NEXT),
    exit(),
  ]);
}
