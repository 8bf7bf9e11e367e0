/** `addr.show`. */

import { assertEquals } from "@std/assert";
import type { FakeNetdev } from "../../../src/netdev/fake.ts";
import type { KernelAddress } from "../../../src/netdev/netdev.ts";
import { IpAddress } from "../../../src/wire/ip_address.ts";
import { Rig } from "../../ipoib/rig.ts";
import { run } from "./support.ts";

const PERMANENT = 0x80;

function kernelAddress(
  local: string,
  more: Partial<KernelAddress> = {},
): KernelAddress {
  return {
    local: IpAddress.parse(local)!,
    peer: undefined,
    prefixLength: 24,
    broadcast: undefined,
    scope: 0,
    flags: PERMANENT,
    label: undefined,
    metric: undefined,
    preferredSeconds: 0xffffffff,
    validSeconds: 0xffffffff,
    ...more,
  };
}

Deno.test("addr.show returns addresses with the members of ip -j addr", () => {
  const host = new Rig().pair()[0];
  const netdev = host.device.parent.netdev as FakeNetdev;
  const common = {
    prefixlen: 24,
    "valid_life_time": 0xffffffff,
    "preferred_life_time": 0xffffffff,
  };
  netdev.addressTable = [
    kernelAddress("10.0.0.1", {
      peer: IpAddress.parse("10.0.0.2")!,
      broadcast: IpAddress.parse("10.0.0.255")!,
      scope: 253,
      flags: PERMANENT | 0x201,
      label: "ib1:x",
      metric: 7,
    }),
    kernelAddress("fd00::1", { scope: 100, flags: 0x41 }),
  ];
  assertEquals(run(host, "addr.show"), [{
    ifname: "ib1",
    addr_info: [
      {
        family: "inet",
        local: "10.0.0.1",
        address: "10.0.0.2",
        metric: 7,
        broadcast: "10.0.0.255",
        scope: "link",
        flags: ["secondary", "noprefixroute"],
        label: "ib1:x",
        ...common,
      },
      {
        family: "inet6",
        local: "fd00::1",
        scope: "100",
        flags: ["temporary", "tentative", "dynamic"],
        ...common,
      },
    ],
  }]);
});
