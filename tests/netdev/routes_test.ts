/** Addresses and routes that are set on a network device of the kernel. */

import { assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import type { DeviceRoute, NewAddress } from "../../src/netdev/netdev.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import { kernelTest, openTestNetdev, TestNamespace } from "./support.ts";

const at = (text: string) => IpAddress.parse(text)!;

const address = (text: string, more: Partial<NewAddress> = {}): NewAddress => {
  const [local, length] = text.split("/");
  return { local: at(local!), prefixLength: Number(length), flags: 0, ...more };
};

/** A route without optional attributes, in table main. */
const route = (text: string, more: Partial<DeviceRoute> = {}): DeviceRoute => {
  const [destination, length] = text.split("/");
  return {
    ...{ destination: at(destination!), prefixLength: Number(length) },
    ...{ gateway: undefined, source: undefined, metric: undefined },
    ...{ table: 254, mtu: undefined, onlink: false },
    ...more,
  };
};

kernelTest(
  "setAddress() adds addresses with their attributes, and changes those that exist",
  () => {
    using netns = new TestNamespace();
    const netdev = openTestNetdev(netns);
    netdev.change({ up: true });
    netdev.setAddress(address("10.9.0.1/24", { broadcast: "subnet" }));
    netdev.setAddress(
      address("10.9.0.1/24", { broadcast: "subnet", metric: 7 }),
    );
    netdev.setAddress(
      address("10.9.1.1/32", {
        peer: at("10.9.1.2"),
        label: `${netdev.name}:x`,
      }),
    );
    netdev.setAddress(address("fd00::1/64", { flags: 0x202 }));
    assertEquals(
      netdev.kernelAddresses().map((each) => [
        `${each.local}/${each.prefixLength}`,
        each.peer?.toString(),
        each.broadcast?.toString(),
        each.label,
        each.metric,
      ]),
      [
        ["10.9.0.1/24", undefined, "10.9.0.255", netdev.name, 7],
        ["10.9.1.1/32", "10.9.1.2", undefined, `${netdev.name}:x`, undefined],
        ["fd00::1/64", undefined, undefined, undefined, undefined],
      ],
    );
    const refused = assertThrows(
      () => netdev.setAddress(address("127.0.0.1/33")),
      IpoibError,
    );
    assertEquals([refused.code, refused.errno], ["E_ADDRESS_SET", 22]);
    netdev.close();
  },
);

kernelTest(
  "routes() returns the routes that addRoute() has added, with all attributes, and none of the kernel",
  () => {
    using netns = new TestNamespace();
    const netdev = openTestNetdev(netns);
    netdev.change({ up: true });
    netdev.setAddress(address("10.9.0.1/24"));
    netdev.setAddress(address("fd00::1/64", { flags: 2 }));
    assertEquals(netdev.routes(), []);
    const routes = [
      route("0.0.0.0/0", { gateway: at("10.9.0.254"), metric: 5 }),
      route("10.20.0.0/16", {
        ...{ gateway: at("10.9.0.9"), source: at("10.9.0.1"), mtu: 1400 },
      }),
      route("10.30.0.0/16"),
      route("10.40.0.0/16", { gateway: at("192.0.2.1"), onlink: true }),
      route("10.50.0.0/16", { table: 1000 }),
      route("fd01::/64", { gateway: at("fd00::9") }),
      route("fd02::/64", { metric: 9 }),
    ];
    // A repetition has no effect.
    for (const each of [...routes, ...routes]) netdev.addRoute(each);
    const texts = (all: readonly DeviceRoute[]) =>
      all.map((each) =>
        JSON.stringify(
          each,
          (_, value) => value instanceof IpAddress ? `${value}` : value,
        )
      ).sort();
    assertEquals(texts(netdev.routes()), texts(routes));
    for (
      const [refused, errno] of [
        [route("10.20.0.0/16", { gateway: at("10.9.0.8") }), 17],
        [route("10.60.0.0/16", { gateway: at("192.0.2.1") }), 101],
        [route("10.60.0.1/16"), 22],
      ] as const
    ) {
      const error = assertThrows(() => netdev.addRoute(refused), IpoibError);
      assertEquals([error.code, error.errno], ["E_ROUTE_ADD", errno]);
    }
    netdev.close();
  },
);
