/** Record of the method `doctor`: what only the process of an interface can find out about its link. */

import * as v from "valibot";
import { builtLater, count, u16, u32 } from "./fields.ts";

/** A multicast group as the subnet administrator has it (IBTA vol. 1 15.2.5.17). */
const GroupSchema = builtLater(() =>
  v.object({
    mgid: v.string(),
    mlid: u16,
    pkey: u16,
    qkey: u32,
    /** IB MTU in bytes; 0 for a code without a definition. */
    mtu: count,
    /** Rate code. */
    rate_code: count,
    sl: count,
    tclass: count,
    flow_label: count,
    hop_limit: count,
  })
);

export const DoctorRecordSchema = builtLater(() =>
  v.object({
    ifname: v.string(),
    /** The administrator's reply to a query for the broadcast group. */
    administrator: v.object({
      /** Milliseconds until the reply; absent without one. */
      reply_ms: v.exactOptional(count),
      /** Why there is no reply; absent if there is one. */
      error: v.exactOptional(v.string()),
    }),
    /** MGID of the broadcast group, in the notation of RFC 5952. */
    broadcast_mgid: v.string(),
    /** The broadcast group; absent if the administrator has none for this port, or does not reply. */
    broadcast: v.exactOptional(GroupSchema),
    port: v.object({
      /** IB MTU in bytes. */
      mtu: count,
      /** Rate code; absent if the rate of the port has none. */
      rate_code: v.exactOptional(count),
      /** The P_Key table; 0 is an empty entry. */
      pkeys: v.array(u16),
    }),
    /** Addresses of the interface that other hosts claimed during the call, with their link-layer addresses. */
    conflicts: v.array(v.object({ address: v.string(), lladdr: v.string() })),
    neighbours: v.object({
      /** Entries of the kernel's tables on the interface. */
      entries: count,
      /** Maximum number of the machine's entries (`gc_thresh3` of both families together); absent if unknown. */
      limit: v.exactOptional(count),
    }),
    /** The kernel's route to the requested peer through this interface; absent if no peer was requested. */
    route: v.exactOptional(v.object({
      /** `none`: the address is local, unreachable, or its route uses another interface. */
      type: v.picklist(["unicast", "broadcast", "multicast", "none"]),
      /** Next hops; the peer itself if it is on the link. */
      next_hops: v.array(v.string()),
    })),
  })
);
/** The result of the method `doctor`. */
export type DoctorRecord = v.InferOutput<typeof DoctorRecordSchema>;
