/** Fuzz target of lines on an interface's control socket, including the engine's commands. */

import { assert } from "@std/assert";
import * as v from "valibot";
import type { CommandContext } from "../../../src/daemon/commands/context.ts";
import { dataCommands } from "../../../src/daemon/data_commands.ts";
import { runCommand } from "../../../src/daemon/thread/commands.ts";
import { Clients } from "../../../src/ipc/clients.ts";
import { Connection } from "../../../src/ipc/connection.ts";
import { LIMITS } from "../../../src/ipc/limits.ts";
import { ReplySchema } from "../../../src/ipc/envelope.ts";
import type { Handlers } from "../../../src/ipc/handlers.ts";
import { captures, childDevices } from "../../daemon/commands/support.ts";
import { Rig } from "../../ipoib/rig.ts";
import type { FuzzTarget } from "./target.ts";

/** A connection on which the client has sent its input and closed its side. Collects the output. */
class ClosedInput {
  readonly #pieces: Uint8Array[];
  output = "";
  readonly #decoder = new TextDecoder();

  constructor(input: Uint8Array) {
    // A line may arrive in pieces.
    const cut = input.length > 0 ? input[0]! % input.length : 0;
    this.#pieces = [input.subarray(0, cut), input.subarray(cut)]
      .filter(({ length }) => length > 0);
  }

  read(into: Uint8Array): Promise<number | null> {
    const piece = this.#pieces.shift();
    if (!piece) return Promise.resolve(null);
    const part = piece.subarray(0, into.length);
    into.set(part);
    if (part.length < piece.length) {
      this.#pieces.unshift(piece.subarray(part.length));
    }
    return Promise.resolve(part.length);
  }

  write(bytes: Uint8Array): Promise<number> {
    this.output += this.#decoder.decode(bytes, { stream: true });
    return Promise.resolve(bytes.length);
  }

  close(): void {}
}

function handlersOf(rig: Rig): Handlers {
  const [{ device, port, memberships, sa }] = rig.pair();
  const context: CommandContext = {
    device,
    port,
    memberships,
    sa,
    children: childDevices,
    captures,
    reactor: rig.reactor,
    log: { level: "info" },
    subnet: "lab",
    showSubnet: (done) => done(rig.subnet!.manager.snapshot()),
  };
  return Object.fromEntries(
    Object.keys(dataCommands).map((method) => [method, (params: unknown) => {
      let result: unknown;
      runCommand(
        dataCommands,
        context,
        method,
        params,
        (value) => result = value,
        (error) => {
          throw error;
        },
      );
      return result;
    }]),
  ) as Handlers;
}

export const controlTarget: FuzzTarget = {
  name: "control_line",
  kind: "json",
  inputsPerSession: 300,
  open() {
    const rig = new Rig();
    const handlers = handlersOf(rig);
    const clients = new Clients("lab", handlers, LIMITS);
    return {
      async run(input) {
        const line = new Uint8Array(input.length + 1);
        line.set(input);
        line[input.length] = 0x0a;
        const client = new ClosedInput(line);
        const conn = client as unknown as Deno.UnixConn;
        await new Connection(conn, handlers, clients).done;
        rig.settle();
        let accepted = false;
        for (const text of client.output.split("\n")) {
          if (text === "") continue;
          const reply = v.parse(ReplySchema, JSON.parse(text));
          if (!("ok" in reply)) continue;
          if (reply.ok) accepted = true;
          else assert(reply.error.code !== "E_INTERNAL", text);
        }
        return accepted;
      },
      close() {
        rig.advance(10_000);
        rig.check();
      },
    };
  },
};
