/**
 * Program of a node of the simulated fabric: the daemon's worker with libibumad, and worker.ts in place of the data
 * worker. It is a separate program because the simulator's library must be preloaded. fabric_node.ts starts it.
 *
 * Input lines (json.ts): `{"guid", "attributes"}`, then commands `{"id", "command", "params"}`. Output lines:
 * `{"event": "ready"}`, `{"id", "result"}` or `{"id", "error"}` for each command, and `{"event", "data"}`.
 */

import { TextLineStream } from "../../../scripts/opensm/lines.ts";
import { IpoibError } from "../../../src/base/errors.ts";
import type { Calls } from "../../../src/daemon/thread/commands.ts";
import { Service } from "../../../src/daemon/thread/service.ts";
import { WorkerThread } from "../../../src/daemon/thread/worker_thread.ts";
import type { UmadInit } from "../../../src/daemon/umad_worker.ts";
import { socketPair } from "../../../src/system/socket_pair.ts";
import { fromLine, toLine } from "./json.ts";
import type { NodeInit } from "./worker.ts";

const encoder = new TextEncoder();
const print = (value: unknown) =>
  void Deno.stdout.writeSync(encoder.encode(toLine(value)));

async function start(
  script: string,
  init: unknown,
): Promise<Service<Calls>> {
  const thread = new WorkerThread(new URL(script, import.meta.url));
  const service = new Service<Calls>(thread);
  service.onCrash = (error) => {
    throw error;
  };
  await service.start(init);
  return service;
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
node.onEvent = (event, data) => print({ event, data });
print({ event: "ready" });

for await (const line of lines) {
  const { id, command, params } = fromLine(line) as {
    id: number;
    command: string;
    params: unknown;
  };
  node.call(command, params).then(
    (result) => print({ id, result }),
    (error) => print({ id, error: IpoibError.from(error).message }),
  );
}
// The node sends its leaves through the other worker, which therefore closes last.
await node.close();
await umad.close();
Deno.exit(0);
