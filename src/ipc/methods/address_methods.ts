/** Methods of IP addresses and routes of the kernel. */

import * as v from "valibot";
import { NewAddressSchema, RouteSchema } from "../schema/address_records.ts";
import { interfaceName } from "../schema/fields.ts";
import { AddressesRecordSchema } from "../schema/table_records.ts";
import { done, type MethodEntry, ofInterface } from "./method_entry.ts";

export const addressMethods = {
  /** Returns the kernel's IP addresses. */
  "addr.show": {
    runs: { interface: "worker in turn" },
    params: ofInterface,
    result: v.array(AddressesRecordSchema),
  },
  /** Adds an address, or changes the one that the interface has. */
  "addr.add": {
    runs: { interface: "worker" },
    params: v.strictObject({
      name: interfaceName,
      ...NewAddressSchema.entries,
    }),
    result: done,
  },
  /** Adds a route, unless the interface has it. */
  "route.add": {
    runs: { interface: "worker" },
    params: v.strictObject({ name: interfaceName, ...RouteSchema.entries }),
    result: done,
  },
  /** Returns the routes that an administrator added. */
  "route.show": {
    runs: { interface: "worker in turn" },
    params: ofInterface,
    result: v.array(v.object({
      ifname: v.string(),
      routes: v.array(v.object(RouteSchema.entries)),
    })),
  },
} as const satisfies Record<string, MethodEntry>;
