/** Commands of the control socket, called as the socket calls them: parameters and answers fit their schemas. */

import { assert, assertEquals } from "@std/assert";
import * as v from "valibot";
import { IpoibError } from "../../../src/base/errors.ts";
import { runCommand } from "../../../src/daemon/data_commands.ts";
import { type Method, methods, type Result } from "../../../src/ipc/schema.ts";
import type { Host } from "../../ipoib/rig.ts";

/** A host whose commands are called. */
export class Control {
  readonly host: Host;
  /** How often the interfaces' names changed. */
  changes = 0;

  constructor(host: Host) {
    this.host = host;
    host.device.onInterfaces = () => this.changes++;
  }

  run<M extends Method>(method: M, params: unknown = {}): Result<M> {
    const { device, port, rig } = this.host;
    let answer: unknown;
    runCommand(
      {
        device,
        port,
        memberships: this.host.memberships,
        reactor: rig.reactor,
        subnet: "lab",
        showSubnet: () => {},
      },
      method,
      v.parse(methods[method].params, params),
      {
        ok: (result) => answer = result,
        fail: (error) => {
          throw error;
        },
      },
    );
    const schema = methods[method].result as v.GenericSchema<
      unknown,
      Result<M>
    >;
    const parsed = v.parse(schema, answer);
    assertEquals(parsed, answer as Result<M>);
    return parsed;
  }

  /** The error number that a call is refused with, 0 if it is not. */
  refusal(method: Method, params: unknown): number {
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
