/**
 * The methods of the control sockets: the thread that runs each method, its parameters and its result.
 *
 * The types of the handlers of a socket (daemon/handlers.ts, daemon/manager/control.ts) and of the commands of its
 * worker (daemon/data_commands.ts, daemon/manager/commands.ts) derive from this table, so a method without a handler
 * and a handler without a method do not compile.
 *
 * A method without the optional interface name applies to the parent of the process; `stats` and the `show` methods
 * apply to its children in the same namespace too. The server checks parameters and refuses unknown or invalid members
 * with `E_IPC_PARAMS`. The client checks results and ignores unknown members.
 */

import type * as v from "valibot";
import { addressMethods } from "./methods/address_methods.ts";
import { ethtoolMethods } from "./methods/ethtool_methods.ts";
import { fileMethods } from "./methods/file_methods.ts";
import { linkMethods } from "./methods/link_methods.ts";
import { processMethods } from "./methods/process_methods.ts";
import { subnetMethods } from "./methods/subnet_methods.ts";
import { tableMethods } from "./methods/table_methods.ts";
import type { MethodEntry, Place, Socket } from "./methods/method_entry.ts";

export type { Place, Socket };

export const methods = {
  ...linkMethods,
  ...tableMethods,
  ...addressMethods,
  ...fileMethods,
  ...ethtoolMethods,
  ...processMethods,
  ...subnetMethods,
} as const satisfies Record<string, MethodEntry>;

export type Method = keyof typeof methods;
export type Params<M extends Method> = v.InferOutput<
  (typeof methods)[M]["params"]
>;
export type Result<M extends Method> = v.InferOutput<
  (typeof methods)[M]["result"]
>;

/** The methods with a stream: they send items before the reply. */
export type StreamMethod = {
  [M in Method]: (typeof methods)[M] extends { readonly item: v.GenericSchema }
    ? M
    : never;
}[Method];
/** An item of the stream of a method. */
export type Item<M extends StreamMethod> = v.InferOutput<
  (typeof methods)[M]["item"]
>;

/** The methods of a socket, optionally only those that run in one thread. */
export type MethodOf<S extends Socket, P extends Place = Place> = {
  [M in Method]: (typeof methods)[M]["runs"] extends { readonly [K in S]: P }
    ? M
    : never;
}[Method];

/** Returns the thread that runs a method for a socket; undefined if the socket does not serve the method. */
export function placeOf(socket: Socket, method: Method): Place | undefined {
  const { runs }: MethodEntry = methods[method];
  return runs[socket];
}

/** True if a method of this name exists. */
export function isMethod(name: string): name is Method {
  return Object.hasOwn(methods, name);
}
