import { assertEquals } from "@std/assert";
import { FakeNetdev } from "../../src/netdev/fake.ts";
import type { ConfigChange } from "../../src/netdev/netdev.ts";
import { addressOf } from "../../ffi/libc.ts";
import { ip } from "./support.ts";

/** Memory at pretended addresses from 0x1000. */
function pretended(): {
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

Deno.test({
  name: "FakeNetdev passes frames without FFI",
  permissions: "none",
  fn: () => {
    const { memory, resolve } = pretended();
    const netdev = new FakeNetdev({ resolve, up: true });
    const lengths: number[] = [];
    netdev.onReadable = () => lengths.push(netdev.read(0x1010n, 100));
    netdev.inject(new Uint8Array([1, 2, 3]));
    assertEquals(lengths, [3]);
    assertEquals([...memory.subarray(0x10, 0x13)], [1, 2, 3]);
    assertEquals(netdev.read(0x1000n, 100), 0);

    assertEquals(netdev.write(0x1010n, 3), 3);
    memory.fill(0);
    assertEquals(netdev.writeBytes(new Uint8Array([9])), 1);
    assertEquals(netdev.written[0]!.address, 0x1010n);
    assertEquals(netdev.takeWritten().map((bytes) => [...bytes]), [
      [1, 2, 3],
      [9],
    ]);
    assertEquals(netdev.written, []);
    netdev.writeError = 11;
    assertEquals(netdev.write(0x1010n, 3), -11);
  },
});

Deno.test("FakeNetdev reads and writes its own process's memory", () => {
  const netdev = new FakeNetdev({ up: true });
  const memory = new Uint8Array(64);
  netdev.inject(new Uint8Array([5, 6]));
  assertEquals(netdev.read(addressOf(memory), 64), 2);
  assertEquals([memory[0], memory[1]], [5, 6]);
  assertEquals(netdev.write(addressOf(memory), 2), 2);
  assertEquals([...netdev.takeWritten()[0]!], [5, 6]);
});

Deno.test("FakeNetdev keeps frames while it is paused", () => {
  const netdev = new FakeNetdev({ resolve: pretended().resolve });
  let calls = 0;
  netdev.onReadable = () => calls++;
  netdev.pause(true);
  netdev.inject(new Uint8Array(20), new Uint8Array(20));
  assertEquals([calls, netdev.waiting], [0, 2]);
  netdev.pause(false);
  assertEquals(calls, 1);
});

Deno.test("FakeConfig tells of changes and routes as the kernel does", () => {
  const { config, ...rest } = new FakeNetdev();
  assertEquals(rest.carrier, false);
  const changes: ConfigChange[] = [];
  config.onChange((change) => changes.push(change));
  config.setLink({ up: true });
  assertEquals(changes.splice(0), ["link", "membership", "route"]);
  assertEquals(config.memberships, new Set([ip("224.0.0.1")]));
  config.setLink({ up: true });
  assertEquals(changes, []);
  config.addAddress(ip("10.0.0.1"), 24);
  assertEquals(changes.splice(0), ["address", "route"]);
  config.addRoute(ip("10.9.0.0"), 16, ip("10.0.0.2"));
  config.addRoute(0, 0, ip("10.0.0.3"));
  config.join(ip("239.1.1.1"));
  config.join(ip("239.1.1.1"));
  assertEquals(changes.splice(0), ["route", "route", "membership"]);
  const to = (text: string) => config.route(ip(text), 0);
  assertEquals(to("10.0.0.9"), { type: "unicast", nextHop: ip("10.0.0.9") });
  assertEquals(to("10.9.0.9"), { type: "unicast", nextHop: ip("10.0.0.2") });
  assertEquals(to("8.8.8.8"), { type: "unicast", nextHop: ip("10.0.0.3") });
  assertEquals(to("10.0.0.255"), { type: "broadcast" });
  assertEquals(to("255.255.255.255"), { type: "broadcast" });
  assertEquals(to("239.7.7.7"), { type: "multicast" });
  assertEquals(to("10.0.0.1"), { type: "none" });
  assertEquals(config.routeLookups, 7);
  config.leave(ip("239.1.1.1"));
  config.deleteAddress(ip("10.0.0.1"));
  assertEquals(config.isLocal(ip("10.0.0.1")), false);
  config.clearRoutes();
  assertEquals(to("8.8.8.8"), { type: "none" });
});
