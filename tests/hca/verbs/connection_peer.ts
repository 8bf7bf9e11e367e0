/**
 * The other process of a connection in connection_device_test.ts: connects to the queue pair whose QPN it reads from
 * its standard input, and sends back each message that it receives. Prints its own QPN first, and a line when it is
 * connected.
 */

import { TextLineStream } from "../../../scripts/opensm/lines.ts";
import { ConnectionRig } from "./connection_rig.ts";

const rig = new ConnectionRig();
const qp = rig.a.connection();
const print = (line: string) =>
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
print(String(qp.qpn));
const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream())
  .pipeThrough(new TextLineStream())[Symbol.asyncIterator]();
const { value } = await lines.next();
qp.connect(rig.to(Number(value)));
print("connected");
// Ends when the test kills this process.
for (;;) {
  rig.reactor.turn(20);
  for (const [length, first] of rig.a.received.splice(0)) {
    rig.sent(qp, length, first);
  }
}
