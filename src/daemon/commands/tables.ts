/** What the engine knows and counts: neighbours, paths, groups, statistics, memory. */

import { IpoibError } from "../../base/errors.ts";
import { parseIpv4 } from "../../wire/ipv4_address.ts";
import {
  mcgRecords,
  neighRecords,
  pathRecords,
  statsRecord,
} from "../records.ts";
import {
  type Commands,
  one,
  recordContext,
  Refusal,
  which,
} from "./context.ts";

export const tableCommands = {
  "neigh.show": (context, { name }) => {
    const now = context.reactor.clock.now();
    return which(context, name).flatMap((each) => neighRecords(each, now));
  },
  "neigh.flush": (context, { name, dst }) => {
    const address = dst === undefined ? undefined : parseIpv4(dst);
    if (dst !== undefined && address === undefined) {
      throw new IpoibError("E_ADDRESS", `"${dst}" is not an IPv4 address`, {
        errno: Refusal.EINVAL,
      });
    }
    return { flushed: one(context, name).flushNeighbours(address) };
  },
  "path.show": (context, { name }) => which(context, name).flatMap(pathRecords),
  "mcg.show": (context, { name }) => {
    const now = context.reactor.clock.now();
    return which(context, name).flatMap((each) => mcgRecords(each, now));
  },
  "stats": (context, { name }) => {
    const record = recordContext(context);
    return which(context, name).map((each) => statsRecord(each, record));
  },
  "debug.heap": (context) => {
    const memory = Deno.memoryUsage();
    const packets = context.device.interfaces().reduce((sum, each) => {
      const { totals } = each.statistics;
      return sum + totals.get("rx_packets") + totals.get("tx_packets");
    }, 0);
    return {
      heap_used: memory.heapUsed,
      heap_total: memory.heapTotal,
      external: memory.external,
      packets,
    };
  },
} satisfies Commands;
