import { assertEquals } from "@std/assert";
import { FakeNetdev } from "../../src/netdev/fake.ts";
import type { ConfigChange } from "../../src/netdev/net_config.ts";
import { FakeFrames } from "../../src/system/fake_frames.ts";
import type { FrameMemory } from "../../src/system/frames.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import { ip } from "./support.ts";

/** Returns memory with simulated addresses from 0x1000. */
function simulatedMemory(): {
  memory: Uint8Array;
  resolve: (address: bigint, length: number) => Uint8Array;
} {
  const memory = new Uint8Array(4096);
  return {
    memory,
    resolve: (address, length) => {
      const at = Number(address) - 0x1000;
      return memory.subarray(at, at + length);
    },
  };
}

/** Returns two slots in that memory, at offsets 0x10 and 0x110. */
function slots(): FrameMemory & { free: number[] } {
  const free = [1, 0];
  return {
    free,
    vnetAddress: [0x1010n, 0x1110n],
    frameCapacity: 100,
    reserve: () => free.pop() ?? -1,
    unreserve: (slot) => free.push(slot),
    lendTo: () => {},
    takeLent: () => {},
  };
}

Deno.test({
  name: "FakeNetdev passes frames without FFI",
  permissions: "none",
  fn: () => {
    const { memory, resolve } = simulatedMemory();
    const netdev = new FakeNetdev({ memory: slots(), resolve, up: true });
    const read: number[][] = [];
    netdev.onFrames = ({ slot, length }) => read.push([slot[0]!, length[0]!]);
    netdev.inject(new Uint8Array([1, 2, 3]));
    assertEquals(read, [[0, 3]]);
    assertEquals([...memory.subarray(0x10, 0x13)], [1, 2, 3]);

    const results: string[] = [];
    netdev.onWritten = (frames, bytes) => results.push(`${frames} ${bytes}`);
    netdev.onRefused = (errno) => results.push(`errno ${errno}`);
    netdev.write(0x1010n, 3);
    memory.fill(0);
    assertEquals(netdev.writeBytes(new Uint8Array([9])), 1);
    assertEquals(netdev.written[0]!.address, 0x1010n);
    assertEquals(netdev.takeWritten().map((bytes) => [...bytes]), [
      [1, 2, 3],
      [9],
    ]);
    assertEquals(netdev.written, []);
    netdev.writeError = 11;
    netdev.write(0x1010n, 3);
    assertEquals(results, ["1 3", "errno 11"]);
  },
});

Deno.test("FakeNetdev reads and writes the memory of its process by default", () => {
  const memory = new FakeFrames(1, 64);
  const netdev = new FakeNetdev({ memory, up: true });
  netdev.inject(new Uint8Array([5, 6]));
  assertEquals([...memory.frame(0, 2)], [5, 6]);
  netdev.write(memory.vnetAddress[0]!, 2);
  assertEquals([...netdev.takeWritten()[0]!], [5, 6]);
});

Deno.test("FakeNetdev queues frames while there are no slots", () => {
  const memory = slots();
  const netdev = new FakeNetdev({ memory, resolve: simulatedMemory().resolve });
  let calls = 0;
  netdev.onFrames = () => calls++;
  netdev.inject(...[1, 2, 3, 4].map(() => new Uint8Array(20)));
  assertEquals([calls, netdev.waiting, netdev.paused], [2, 2, true]);
  memory.free.push(0);
  netdev.resume();
  assertEquals([calls, netdev.waiting, netdev.paused], [3, 1, true]);
});

Deno.test("FakeConfig reports changes and routes as the kernel does", () => {
  const { config } = new FakeNetdev();
  assertEquals(config.carrier, false);
  const changes: ConfigChange[] = [];
  config.onChange((change) => changes.push(change));
  config.setLink({ up: true });
  assertEquals(changes.splice(0), ["link", "membership", "route"]);
  assertEquals(config.memberships, [IpAddress.ipv4(ip("224.0.0.1"))]);
  config.setLink({ up: true });
  assertEquals(changes, []);
  config.addAddress(ip("10.0.0.1"), 24);
  assertEquals(changes.splice(0), ["address", "route"]);
  config.addRoute(ip("10.9.0.0"), 16, ip("10.0.0.2"));
  config.addRoute(0, 0, ip("10.0.0.3"));
  config.join(ip("239.1.1.1"));
  config.join(ip("239.1.1.1"));
  assertEquals(changes.splice(0), ["route", "route", "membership"]);
  const to = (text: string) =>
    config.route({
      destination: IpAddress.ipv4(ip(text)),
      source: IpAddress.ipv4(0),
      tos: 0,
      protocol: 17,
      sourcePort: 0,
      destinationPort: 0,
    });
  const via = (text: string) => ({
    type: "unicast" as const,
    legs: [{ nextHop: IpAddress.ipv4(ip(text)), weight: 1 }],
  });
  assertEquals(to("10.0.0.9"), via("10.0.0.9"));
  assertEquals(to("10.9.0.9"), via("10.0.0.2"));
  assertEquals(to("8.8.8.8"), via("10.0.0.3"));
  assertEquals(to("10.0.0.255"), { type: "broadcast" });
  assertEquals(to("255.255.255.255"), { type: "broadcast" });
  assertEquals(to("239.7.7.7"), { type: "multicast" });
  assertEquals(to("10.0.0.1"), { type: "none" });
  assertEquals(config.routeLookups, 7);
  config.leave(ip("239.1.1.1"));
  config.deleteAddress(ip("10.0.0.1"));
  assertEquals(config.isLocal(IpAddress.ipv4(ip("10.0.0.1"))), false);
  config.clearRoutes();
  assertEquals(to("8.8.8.8"), { type: "none" });
});
