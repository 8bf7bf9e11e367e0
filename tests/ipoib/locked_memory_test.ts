/** Receive queues and the limit on locked memory: what does not fit is smaller, or a state of its interface. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import { reaches } from "./connected/support.ts";
import { type Host, logLines, Rig } from "./rig.ts";

function childOf({ device, rig }: Host, pkey: number) {
  const child = device.addChild(`child${device.children.length}`, pkey);
  child.netdev.change({ up: true });
  rig.advance(1000);
  return child;
}

Deno.test("an interface has the receive queue that was chosen, and 256 packets without a choice", () => {
  const rig = new Rig();
  const [first, second] = [rig.host(), rig.host({ recvQueueSize: 2048 })];
  const sizes = (host: Host) => [
    host.link.receiveQueueSize,
    ...[...host.port.qps.values()].map(({ capacity }) => capacity),
  ];
  childOf(second, 0x8001);
  assertEquals(sizes(first), [256, 256]);
  assertEquals(sizes(second), [2048, 2048, 2048]);
});

Deno.test("children are created until the limit on locked memory refuses one: it says so and tries again, and the parent keeps its traffic", () => {
  const rig = new Rig();
  const a = rig.host({
    ...{ address: "10.0.0.1", recvQueueSize: 512, lockedPackets: 1600 },
  });
  const b = rig.host({ address: "10.0.0.2" });
  const children = [0x8001, 0x8001, 0x8002].map((pkey) => childOf(a, pkey));
  const states = () => children.map(({ state }) => state);
  const refused =
    "the device refuses a queue pair: Too little locked memory: 2048 packets are needed, 1600 are allowed (raise the limit)";
  assertEquals(states(), ["running", "running", refused]);
  assert(logLines.some((line) => line === `child2: ${refused}`));
  assertEquals(children[2]!.netdev.config.carrier, false);
  assert(reaches(a, b));
  rig.advance(60_000);
  assertEquals(states(), ["running", "running", refused]);
  assertEquals(a.link.state, "running");
  assert(reaches(a, b));
  a.device.removeChild(children[0]!);
  rig.advance(16_000);
  assertEquals(states(), ["closed", "running", "running"]);
  rig.check();
});

Deno.test("without a choice of the user, a receive queue is smaller if the limit on locked memory requires it", () => {
  const rig = new Rig();
  const options = { recvQueueSize: 2048, recvQueueShrinks: true };
  const host = rig.host({ ...options, lockedPackets: 2500 });
  assertEquals(host.link.receiveQueueSize, 2048);
  const child = childOf(host, 0x8001);
  assertEquals([child.state, child.receiveQueueSize], ["running", 256]);
  assert(
    logLines.includes(
      "child0: warning: Receive queue of 256 packets instead of 2048: Too little locked memory: 4096 packets are needed, 2500 are allowed (raise the limit)",
    ),
  );
  const refused = childOf(host, 0x8002);
  assertEquals(refused.receiveQueueSize, 2048);
  assertEquals(
    refused.state,
    "the device refuses a queue pair: Too little locked memory: 2560 packets are needed, 2500 are allowed (raise the limit)",
  );
  // What the user requests is not reduced.
  const { code } = assertThrows(
    () => child.setReceiveQueueSize(1024),
    IpoibError,
  );
  assertEquals([code, child.receiveQueueSize], ["E_MEMLOCK", 256]);
  rig.advance(2000);
  assertEquals(child.state, "running");
  host.device.removeChild(child);
  rig.advance(16_000);
  assertEquals([refused.state, refused.receiveQueueSize], ["running", 256]);
  rig.check();
});

Deno.test("a receive queue keeps its size when its device was lost", () => {
  const rig = new Rig();
  const host = rig.host({ recvQueueSize: 64 });
  host.port.deviceExists = () => true;
  host.port.lose(rig.reactor, "it was removed");
  rig.advance(2000);
  assertEquals(host.link.state, "running");
  assertEquals([...host.port.qps.values()].map(({ capacity }) => capacity), [
    64,
  ]);
});
