/** Declaration of a method of the control sockets, and the parameters and results that several methods have. */

import * as v from "valibot";
import { interfaceName } from "../schema/fields.ts";

/** Kind of a control socket: that of an interface, or that of the manager of an embedded subnet. */
export type Socket = "interface" | "subnet";

/** The thread that runs a method. */
export type Place =
  /** The main thread. */
  | "process"
  /** The worker: the data worker of an interface, or the manager worker. */
  | "worker"
  /** The worker, one call at a time, for methods whose result is a table of unbounded length. */
  | "worker in turn";

/** Declaration of a method. */
export interface MethodEntry {
  /** The sockets that serve the method, and the thread that runs it for each. */
  readonly runs: Readonly<Partial<Record<Socket, Place>>>;
  readonly params: v.GenericSchema;
  /** An item of the stream; absent if the method has none. A call with a stream lasts until the client ends it. */
  readonly item?: v.GenericSchema;
  readonly result: v.GenericSchema;
}

/** No parameters. */
export const nothing = v.strictObject({});
/** A result without members. */
export const done = v.object({});
/** The parameters of a method that applies to the parent if no name is given. */
export const ofInterface = v.strictObject({
  name: v.exactOptional(interfaceName),
});
