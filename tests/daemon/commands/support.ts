/** Commands of the data worker, called as the socket calls them: parameters and answers fit their schemas. */

import { assert, assertEquals } from "@std/assert";
import * as v from "valibot";
import { IpoibError } from "../../../src/base/errors.ts";
import type { CommandContext } from "../../../src/daemon/commands/context.ts";
import { dataCommands } from "../../../src/daemon/data_commands.ts";
import {
  runCommand,
  type WorkerMethod,
} from "../../../src/daemon/thread/commands.ts";
import { methods, type Result } from "../../../src/ipc/schema.ts";
import type { Host } from "../../ipoib/rig.ts";

export type DataMethod = WorkerMethod<"interface">;

/** Runs a command; nothing in its answer is unknown to the schema. */
export function run<M extends DataMethod>(
  host: Host,
  method: M,
  params: unknown = {},
  context: Partial<CommandContext> = {},
): Result<M> {
  const { device, port, memberships, rig } = host;
  let answer: unknown;
  runCommand(
    dataCommands,
    {
      ...{ device, port, memberships, reactor: rig.reactor, subnet: "lab" },
      showSubnet: () => {},
      ...context,
    },
    method,
    v.parse(methods[method].params, params),
    (result) => answer = result,
  );
  // As it arrives at the other end of a socket.
  const sent = JSON.parse(JSON.stringify(answer));
  const parsed = v.parse(
    methods[method].result as v.GenericSchema<unknown, Result<M>>,
    sent,
  );
  assertEquals(parsed as unknown, sent, "no member is missing in the schema");
  return parsed;
}

/** A host whose commands are called. */
export class Control {
  readonly host: Host;
  /** How often the interfaces' names changed. */
  changes = 0;

  constructor(host: Host) {
    this.host = host;
    host.device.onInterfaces = () => this.changes++;
  }

  run<M extends DataMethod>(method: M, params: unknown = {}): Result<M> {
    return run(this.host, method, params);
  }

  /** The error number that a call is refused with, 0 if it is not. */
  refusal(method: DataMethod, params: unknown): number {
    try {
      this.run(method, params);
      return 0;
    } catch (error) {
      assert(error instanceof IpoibError, String(error));
      assert(error.errno !== undefined, error.code);
      return error.errno;
    }
  }
}
