/**
 * Records a request and a response of each method of the control sockets, with running processes on the embedded subnet,
 * into `tests/golden/protocol/VERSION.json`. tests/ipc/compatibility_test.ts compares the current code with all records.
 *
 * Run as root before a release: `deno task record-protocol`.
 */

import { type Method, methods, type Params } from "../src/ipc/schema.ts";
import { IpcClient } from "../src/ipc/client.ts";
import { subnetSocketPath } from "../src/ipc/locate.ts";
import { VERSION } from "../src/ipc/version.ts";
import { requiredMembers } from "../tests/ipc/required_members.ts";
import { Lab, linkAddress, until } from "../tests/e2e/harness/mod.ts";

const TARGET = new URL(
  `../tests/golden/protocol/${VERSION}.json`,
  import.meta.url,
);
const LLADDR = "80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:0f:07";

/** A call of a method. */
interface Recorded {
  method: Method;
  socket: "interface" | "subnet";
  params: unknown;
  result: unknown;
}

await using lab = await Lab.open();
const [a, b] = await lab.running(2);
await a.reaches(b);
const recorded: Recorded[] = [];

async function record<M extends Method>(
  client: IpcClient,
  socket: Recorded["socket"],
  method: M,
  params: Params<M>,
): Promise<void> {
  const result = await client.call(method, params);
  recorded.push({ method, socket, params, result });
}

using iface = await b.connect();
const name = "ib0";
const call = <M extends Method>(method: M, params: Params<M>) =>
  record(iface, "interface", method, params);
await call("child.create", { parent: name, pkey: 0x8001 });
await call("link.add", { link: name, name: "storage", pkey: 0x8002 });
await call("neigh.add", { name, dst: "10.9.0.77", lladdr: LLADDR });
await call("wait", { name });
for (
  const method of [
    "link.show",
    "neigh.show",
    "path.show",
    "mcg.show",
    "maddr.show",
    "addr.show",
    "file.show",
    "param.show",
    "stats",
    "coalesce.get",
    "rings.get",
    "driver",
    "features",
    "subnet.show",
    "events.show",
    "doctor",
  ] as const
) await call(method, {});
await call("child.list", { parent: name });
await call("link.set", { name, up: true, txqlen: 500, alias: "uplink" });
await call("get", { name, file: "mode" });
await call("set", { name, file: "umcast", value: "1" });
await call("param.set", { param: "debug_level", value: "0" });
await call("coalesce.set", {
  name,
  values: { "rx-usecs": 16, "rx-frames": 8, "adaptive-rx": 0 },
});
await call("features.set", { name, request: { "tx-checksum-ipv4": false } });
await call("neigh.flush", { name, dst: a.address });
await call("neigh.del", { name, dst: "10.9.0.77" });
await call("child.delete", { parent: name, pkey: 0x8001 });
await call("link.del", { name: "storage" });
await call("upgrade", {});
await call("rings.set", { name, rx: 512, tx: 1024 });

using manager = await IpcClient.connect(
  subnetSocketPath(lab.runtime, "default"),
  "Subnet default",
);
const ask = <M extends Method>(method: M, params: Params<M>) =>
  record(manager, "subnet", method, params);
const guid = `0x${(await linkAddress(b)).split(":").slice(12).join("")}`;
await ask("subnet.show", {});
await ask("subnet.fault.set", { port: guid, seed: 7, drop: 1, delay: 2 });
await ask("subnet.fault.show", {});
await ask("subnet.fault.clear", {});
await ask("subnet.port", { port: guid, action: "reregister" });
await ask("subnet.reload", {});
await ask("subnet.kill", {});
await until("the connection", () => true);
await call("down", { name });

// A call with a stream has no result of interest.
const missing = Object.entries(methods).filter(([method, entry]) =>
  !("item" in entry) && !recorded.some((each) => each.method === method)
).map(([method]) => method);
if (missing.length > 0) {
  throw new Error(`Not recorded: ${missing.join(", ")}`);
}
const required = Object.fromEntries(
  recorded.map(({ method }) => [
    method,
    requiredMembers(methods[method].result),
  ]),
);
const text = JSON.stringify({ version: VERSION, recorded, required }, null, 1);
await Deno.writeTextFile(
  TARGET,
  `${text.replaceAll(lab.runtime, "/run/ipoib")}\n`,
);
