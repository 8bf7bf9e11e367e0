/**
 * Runs commands of the data worker as the control socket does, and checks parameters and results against their schemas.
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import * as v from "valibot";
import { IpoibError } from "../../../src/base/errors.ts";
import type {
  ChildDevices,
  CommandContext,
} from "../../../src/daemon/commands/context.ts";
import { dataCommands } from "../../../src/daemon/data_commands.ts";
import {
  Later,
  runCommand,
  type WorkerMethod,
} from "../../../src/daemon/thread/commands.ts";
import { methods, type Result } from "../../../src/ipc/schema.ts";
import type { Host } from "../../ipoib/rig.ts";

/** Creates and deletes devices at once, by the function of the device. */
export const childDevices: ChildDevices = {
  create: (_name, use) => new Later((done) => done(use())),
  afterDeletion: (result) => new Later((done) => done(result)),
};

/** Starts no capture. */
export const captures: CommandContext["captures"] = {
  start: (_iface, _edges, bytes) => ({
    socket: "/run/ipoib/.1/s",
    version: 1,
    capacity: bytes,
    reasons: [],
    device: "soft:default",
    port: 1,
  }),
};

export type DataMethod = WorkerMethod<"interface">;

/** Runs a command. Asserts that the schema contains every member of the result. */
export function run<M extends DataMethod>(
  host: Host,
  method: M,
  params: unknown = {},
  context: Partial<CommandContext> = {},
): Result<M> {
  const { device, port, memberships, sa, rig } = host;
  let answer: unknown;
  runCommand(
    dataCommands,
    {
      ...{ device, port, memberships, sa },
      ...{ reactor: rig.reactor, subnet: "lab" },
      children: childDevices,
      captures,
      log: { level: "info" as const },
      showSubnet: () => {},
      ...context,
    },
    method,
    v.parse(methods[method].params, params),
    (result) => answer = result,
    (error) => {
      throw error;
    },
  );
  // The result as a client receives it.
  const sent = JSON.parse(JSON.stringify(answer));
  const parsed = v.parse(
    methods[method].result as v.GenericSchema<unknown, Result<M>>,
    sent,
  );
  assertEquals(parsed as unknown, sent, "the schema has all members");
  return parsed;
}

/** Runs a command that is refused. Returns the code and the errno of the error. */
export function refusal(
  host: Host,
  method: DataMethod,
  params: unknown,
): [string, number | undefined] {
  const error = assertThrows(() => run(host, method, params), IpoibError);
  return [error.code, error.errno];
}

/** Runs commands on one host. */
export class Control {
  readonly host: Host;
  /** Number of notifications of changed interface names. */
  changes = 0;

  constructor(host: Host) {
    this.host = host;
    host.device.onInterfaces = () => this.changes++;
  }

  run<M extends DataMethod>(method: M, params: unknown = {}): Result<M> {
    return run(this.host, method, params);
  }

  /** Returns the errno of a call that fails, or 0. */
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
