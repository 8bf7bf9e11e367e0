/** The checks of ib_ipoib for child interfaces (Linux ipoib_vlan.c, ipoib_netlink.c behaviour). */

import { assertEquals } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import type { IpoibDevice } from "../../src/ipoib/device.ts";
import { FakeNetdev } from "../../src/netdev/fake.ts";
import { ipv4Frame, Rig } from "./rig.ts";

const EINVAL = 22;
const ENODEV = 19;
const EEXIST = 17;
const ENOTUNIQ = 76;

/** One call: `create` or `delete` of a P_Key, or `add` of a name. */
type Step =
  | ["create" | "delete", number]
  | ["add", string]
  | ["add", string, number];

/** Performs a step; returns the name of the child, or the errno. */
function step(device: IpoibDevice, [what, which, pkey]: Step): string | number {
  try {
    if (what === "add") return device.addChild(which, pkey).name;
    return what === "create"
      ? device.createChild(which).name
      : device.deleteChild(which);
  } catch (error) {
    if (error instanceof IpoibError) return error.errno ?? -1;
    throw error;
  }
}

const cases: Record<string, [Step, string | number][]> = {
  "create_child accepts 1 to 0xffff except 0x8000": [
    [["create", 0], EINVAL],
    [["create", -1], EINVAL],
    [["create", 0x10000], EINVAL],
    [["create", 0x8000], EINVAL],
    [["create", 1], "ib1.0001"],
    [["create", 0x7ffd], "ib1.7ffd"],
    [["create", 0xfffe], "ib1.fffe"],
  ],
  "create_child refuses the P_Key of the parent or of another child": [
    [["create", 0xffff], ENOTUNIQ],
    [["create", 0x8001], "ib1.8001"],
    [["create", 0x8001], ENOTUNIQ],
    [["delete", 0x8001], "ib1.8001"],
    [["create", 0x8001], "ib1.8001"],
  ],
  "create_child compares the value as written": [
    [["create", 0x8001], "ib1.8001"],
    [["create", 0x0001], "ib1.0001"],
    [["create", 0x7fff], "ib1.7fff"],
  ],
  "a limited P_Key is used and deleted as the full P_Key": [
    [["create", 0x0001], "ib1.0001"],
    [["delete", 0x0001], ENODEV],
    [["create", 0x8001], ENOTUNIQ],
    [["delete", 0x8001], "ib1.0001"],
    [["delete", 0x8001], ENODEV],
  ],
  "a repeated limited P_Key fails because its name is taken": [
    [["create", 0x0001], "ib1.0001"],
    [["create", 0x0001], EEXIST],
  ],
  "delete_child accepts 0 to 0xffff and requires a child": [
    [["delete", -1], EINVAL],
    [["delete", 0x10000], EINVAL],
    [["delete", 0], ENODEV],
    [["delete", 0x8000], ENODEV],
    [["delete", 0xffff], ENODEV],
    [["delete", 0x8001], ENODEV],
  ],
  "link add accepts any name and any valid P_Key": [
    [["add", "kid", 0], EINVAL],
    [["add", "kid", 0x8000], EINVAL],
    [["add", "kid", 0x10000], EINVAL],
    [["add", "kid"], "kid"],
    [["add", "kid", 0x8001], EEXIST],
    [["add", "kid2", 0x0001], "kid2"],
  ],
  "link add may repeat P_Keys, create_child may not": [
    [["add", "a", 0x8001], "a"],
    [["add", "b", 0x8001], "b"],
    [["add", "c", 0xffff], "c"],
    [["create", 0x8001], "ib1.8001"],
    [["add", "d", 0x8001], "d"],
    [["create", 0x8001], ENOTUNIQ],
  ],
  "delete_child ignores children created by link add": [
    [["add", "a", 0x8001], "a"],
    [["delete", 0x8001], ENODEV],
    [["create", 0x8001], "ib1.8001"],
    [["delete", 0x8001], "ib1.8001"],
    [["delete", 0x8001], ENODEV],
  ],
};

for (const [name, steps] of Object.entries(cases)) {
  Deno.test(`children: ${name}`, () => {
    const rig = new Rig();
    const made: FakeNetdev[] = [];
    const [a] = rig.pair({
      makeNetdev: (options) => {
        if (
          made.some(({ name, closed }) => name === options?.name && !closed)
        ) {
          throw new IpoibError("E_NAME_TAKEN", "Taken", { errno: EEXIST });
        }
        made.push(new FakeNetdev(options));
        return made.at(-1)!;
      },
    });
    for (const [i, [what, outcome]] of steps.entries()) {
      const found = step(a.device, what);
      assertEquals(found, outcome, `step ${i + 1}: ${what}`);
    }
    rig.check();
  });
}

Deno.test("children: removeChild() removes any child, but not the parent", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  const { device } = a;
  const legacy = device.createChild(0x8001);
  const added = device.addChild("kid", 0x8001);
  assertEquals(
    [a.link, legacy, added].map((each) => device.kindOf(each)),
    [undefined, "legacy", "rtnl"],
  );
  assertEquals(device.removeChild(a.link), false);
  assertEquals(device.removeChild(added), true);
  assertEquals(device.removeChild(added), false);
  assertEquals(device.removeChild(legacy), true);
  assertEquals(a.netdevs.map(({ closed }) => closed), [false, true, true]);
  rig.check();
});

Deno.test("children: interfaces of a port share its memberships, and the last one leaves the group", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const kid = a.device.addChild("kid");
  kid.netdev.change({ up: true });
  rig.settle();
  assertEquals([kid.state, kid.pkey], ["running", a.link.pkey]);
  const members = () =>
    rig.subnet!.manager.snapshot().groups.find(({ mgid }) =>
      mgid.includes("ffff:ffff")
    )!.members.length;
  assertEquals(members(), 2);
  // Both interfaces of the port receive a broadcast of the other host.
  b.send(ipv4Frame("10.0.0.2", "10.0.0.255"));
  assertEquals(a.netdevs.map((each) => each.takeWritten().length), [1, 1]);
  a.device.removeChild(kid);
  rig.advance(20_000);
  assertEquals(members(), 2);
  b.send(ipv4Frame("10.0.0.2", "10.0.0.255"));
  assertEquals(a.netdevs[0]!.takeWritten().length, 1);
  a.netdev.change({ up: false });
  rig.advance(20_000);
  assertEquals(members(), 1);
  rig.check();
});
