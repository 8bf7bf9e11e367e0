/**
 * A node of the simulated fabric, as a program of its own because the simulator's library must be preloaded: a worker with
 * libibumad, as the daemon has it, and worker.ts in the data worker's place.
 *
 * In, one JSON value a line (json.ts): `{"guid", "attributes"}`, then `{"id", "command", "params"}`. Out:
 * `{"id", "result"}` or `{"id", "error"}` for each, and `{"event", "data"}`. Run by fabric_node.ts.
 */

import { TextLineStream } from "../../../scripts/opensm/lines.ts";
import { IpoibError } from "../../../src/base/errors.ts";
import type { Calls } from "../../../src/daemon/thread/commands.ts";
import { WorkerThread } from "../../../src/daemon/thread/main_side.ts";
import type { UmadInit } from "../../../src/daemon/umad_worker.ts";
import { socketPair } from "../../../src/system/socket_pair.ts";
import { fromLine, toLine } from "./json.ts";
import type { NodeInit } from "./worker.ts";

const encoder = new TextEncoder();
const say = (value: unknown) =>
  void Deno.stdout.writeSync(encoder.encode(toLine(value)));

async function start(
  script: string,
  init: unknown,
): Promise<WorkerThread<Calls>> {
  const thread = new WorkerThread<Calls>(new URL(script, import.meta.url));
  thread.onCrash = (error) => {
    throw error;
  };
  await thread.start(init);
  return thread;
}

const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream())
  .pipeThrough(new TextLineStream())[Symbol.asyncIterator]();
const first = await lines.next();
const [ours, theirs] = socketPair();
const umadInit: UmadInit = {
  log: "warning",
  device: "ibsim0",
  port: 1,
  socket: theirs.release(),
};
const umad = await start("../../../src/daemon/umad_worker.ts", umadInit);
const nodeInit: NodeInit = {
  ...fromLine(first.value!) as Pick<NodeInit, "guid" | "attributes">,
  log: "silent",
  mads: ours.release(),
};
const node = await start("./worker.ts", nodeInit);
node.onEvent = (event, data) => say({ event, data });
say({ event: "ready" });

for await (const line of lines) {
  const { id, command, params } = fromLine(line) as {
    id: number;
    command: string;
    params: unknown;
  };
  node.call(command, params).then(
    (result) => say({ id, result }),
    (error) => say({ id, error: IpoibError.from(error).message }),
  );
}
// The node's last words are its leaves: they pass through the other worker.
await node.close();
await umad.close();
Deno.exit(0);
