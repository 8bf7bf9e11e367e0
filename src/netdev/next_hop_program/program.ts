/**
 * The next-hop program: writes the next hop chosen by the kernel into the Ethernet addresses of each IPv4 and IPv6 frame
 * (wire/kernel_next_hop.ts).
 *
 * At TCX egress, before the frame enters the device's queue, the sk_buff refers to the chosen route (`_skb_refdst`: a
 * `dst_entry` at the start of a `struct rtable` or `struct rt6_info`; `include/net/route.h`, `include/net/ip6_fib.h`).
 * The next hop of an IPv6 route is its gateway if it has the flag RTF_GATEWAY, else the destination (`rt6_nexthop()`).
 * The program does not change frames of other protocols, frames without a route (packet sockets), or frames with a
 * dst_entry that is not a route of the packet's family (tunnel metadata).
 *
 * An IPv6 gateway has 16 bytes, but the frame has room for its low 8 bytes only. The program therefore stores the high 8
 * bytes in a table and writes their number. It appends to the table and never changes an entry, so that a number always
 * has the same meaning. If the table is full, the program does not change the frames of further gateways.
 */

import { BpfTcx } from "../../../ffi/bpf.ts";
import { Bpf, BpfSkBuff } from "../../../ffi/bpf_layout.ts";
import {
  add,
  and,
  assemble,
  callHelper,
  callKernel,
  compareExchange,
  exit,
  jump,
  jumpIf,
  jumpIfSame,
  jumpUnless,
  load,
  mapValue,
  move,
  R,
  set,
  store,
  storeValue,
  Width,
} from "./assembler.ts";
import {
  GATEWAY_PREFIXES,
  NEXT_HOP6_LENGTH,
  NEXT_HOP_GATEWAY6,
  NEXT_HOP_KNOWN,
  NEXT_HOP_LENGTH,
  NextHopField,
  RTN_UNICAST,
} from "../../wire/kernel_next_hop.ts";
import type { KernelTypes } from "./kernel_types.ts";

const AF_INET = 2;
const AF_INET6 = 10;
/** ETH_P_IP and ETH_P_IPV6 in network byte order, loaded on a little-endian machine. */
const PROTOCOL_IPV4 = 0x0008;
const PROTOCOL_IPV6 = 0xdd86;
/** Address bits of `_skb_refdst`. */
const ADDRESS_BITS = ~1;
/** Flag of `rt6i_flags` (`linux/ipv6_route.h`). */
const RTF_GATEWAY = 0x0002;
const ENTRY_LENGTH = 8;
const ETHERNET_DESTINATION = 0;

/** Stack offset of the bytes to write. It aligns the fields, as the verifier requires. */
const MARK = -NEXT_HOP6_LENGTH;
const ROUTE_TYPE = MARK + NextHopField.RouteType;
const PREFIX = MARK + NextHopField.Prefix;
const INTERFACE = MARK + NextHopField.Interface;
/** The IPv4 gateway of the short form, whose alignment requires another offset. */
const SHORT = -NEXT_HOP_LENGTH;

/** Assembles the program for a kernel with these types. `prefixes` is the descriptor of the table's map. */
export function nextHopProgram(
  types: KernelTypes,
  prefixes: number,
): Uint8Array {
  const [context, route, protocol] = [R.R6, R.R7, R.R8];
  const [high, low, number] = [R.R8, R.R9, R.R3];
  return assemble([
    move(context, R.R1),
    load(Width.Word, protocol, context, BpfSkBuff.Protocol),
    jumpIf(protocol, PROTOCOL_IPV4, "route"),
    jumpUnless(protocol, PROTOCOL_IPV6, "done"),

    "route",
    callKernel(types.castToKernelContext),
    load(Width.Double, R.R1, R.R0, types.skbRefdst),
    and(R.R1, ADDRESS_BITS),
    jumpIf(R.R1, 0, "done"),
    set(R.R2, types.rtable),
    callKernel(types.readOnlyCast),
    move(route, R.R0),
    load(Width.Double, R.R1, route, types.dstOps),
    load(Width.Byte, R.R1, R.R1, types.opsFamily),
    jumpIf(protocol, PROTOCOL_IPV6, "IPv6"),

    jumpUnless(R.R1, AF_INET, "done"),
    load(Width.Byte, R.R5, route, types.rtType),
    set(R.R2, 0),
    load(Width.Byte, R.R1, route, types.rtGatewayFamily),
    jumpIf(R.R1, 0, "short form"),
    load(Width.Double, high, route, types.rtGateway6),
    load(Width.Double, low, route, types.rtGateway6 + 8),
    jumpIf(R.R1, AF_INET6, "long form"),
    jumpUnless(R.R1, AF_INET, "done"),
    load(Width.Word, R.R2, route, types.rtGateway4),
    jump("short form"),

    "IPv6",
    jumpUnless(R.R1, AF_INET6, "done"),
    move(R.R1, route),
    set(R.R2, types.rt6Info),
    callKernel(types.readOnlyCast),
    set(R.R5, RTN_UNICAST),
    set(R.R2, 0),
    load(Width.Word, R.R1, R.R0, types.rt6Flags),
    and(R.R1, RTF_GATEWAY),
    jumpIf(R.R1, 0, "short form"),
    load(Width.Double, high, R.R0, types.rt6Gateway),
    load(Width.Double, low, R.R0, types.rt6Gateway + 8),

    // A zero entry is free, so zero cannot be stored.
    "long form",
    jumpIf(high, 0, "done"),
    ...mapValue(R.R2, prefixes),
    set(number, 0),
    "entry",
    load(Width.Double, R.R0, R.R2, 0),
    jumpIfSame(R.R0, high, "found"),
    jumpUnless(R.R0, 0, "next entry"),
    compareExchange(R.R2, high),
    jumpIf(R.R0, 0, "found"),
    // Another processor has used the entry.
    jumpIfSame(R.R0, high, "found"),
    "next entry",
    add(R.R2, ENTRY_LENGTH),
    add(number, 1),
    jumpUnless(number, GATEWAY_PREFIXES, "entry"),
    jump("done"),

    "found",
    storeValue(Width.Word, R.R10, MARK, NEXT_HOP_GATEWAY6),
    store(Width.Byte, R.R10, ROUTE_TYPE, R.R5),
    store(Width.Byte, R.R10, PREFIX, number),
    store(Width.Double, R.R10, INTERFACE, low),
    move(R.R3, R.R10),
    add(R.R3, MARK),
    set(R.R4, NEXT_HOP6_LENGTH),
    jump("write"),

    "short form",
    storeValue(Width.Byte, R.R10, SHORT, NEXT_HOP_KNOWN),
    store(Width.Byte, R.R10, SHORT + NextHopField.RouteType, R.R5),
    store(Width.Word, R.R10, SHORT + NextHopField.Gateway, R.R2),
    move(R.R3, R.R10),
    add(R.R3, SHORT),
    set(R.R4, NEXT_HOP_LENGTH),

    // bpf_skb_store_bytes(context, offset, from, length, flags) first makes a cloned header writable.
    "write",
    move(R.R1, context),
    set(R.R2, ETHERNET_DESTINATION),
    set(R.R5, 0),
    callHelper(Bpf.FUNC_SKB_STORE_BYTES),

    "done",
    set(R.R0, BpfTcx.NEXT),
    exit(),
  ]);
}
