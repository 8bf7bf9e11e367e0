/** The front of upgraded interfaces. */

import { assert, assertEquals } from "@std/assert";
import { followSuccessor } from "../../../src/daemon/restart/front.ts";
import { HandoverChannel } from "../../../src/daemon/restart/handover_channel.ts";
import { ProcessHandle } from "../../../src/system/process_handle.ts";
import { socketPair } from "../../../src/system/socket_pair.ts";

const never = new Promise<never>(() => {});

function channels(): [HandoverChannel, HandoverChannel] {
  const [a, b] = socketPair();
  return [new HandoverChannel(a), new HandoverChannel(b)];
}

Deno.test("the front ends after its last successor, with the code of that", async () => {
  const [channel, other] = channels();
  using successor = other;
  const child = new Deno.Command("sleep", { args: ["0.5"] }).spawn();
  using handle = ProcessHandle.open(child.pid);
  const followed = followSuccessor(
    { pid: Deno.pid, version: "1", channel },
    ...[never, 9] as const,
  );
  await successor.send({ type: "running", pid: child.pid, version: "2" });
  await successor.send({ type: "ended", code: 7 });
  assertEquals(await followed, 7);
  assert(handle!.ended);
  await child.status;
});

Deno.test("a successor that ends without a code is lost", async () => {
  const [channel, other] = channels();
  other[Symbol.dispose]();
  const successor = { pid: Deno.pid, version: "1", channel };
  assertEquals(await followSuccessor(successor, never, 9), 9);
});

Deno.test("a signal that arrives before the report of another successor ends that one", async () => {
  const [channel, other] = channels();
  using successor = other;
  const first = new Deno.Command("true").spawn();
  await first.status;
  await using child = new Deno.Command("sleep", { args: ["60"] }).spawn();
  const followed = followSuccessor(
    { pid: first.pid, version: "1", channel },
    ...[Promise.resolve(), 9] as const,
  );
  await successor.send({ type: "running", pid: child.pid, version: "2" });
  assertEquals((await child.status).signal, "SIGTERM");
  await successor.send({ type: "ended", code: 0 });
  assertEquals(await followed, 0);
});
