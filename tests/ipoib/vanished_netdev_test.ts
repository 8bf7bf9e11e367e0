/** Network devices that vanish while the engine changes them, before it has read of their deletion. */

import { assertEquals } from "@std/assert";
import { Errno } from "../../src/base/errno.ts";
import { IpoibError } from "../../src/base/errors.ts";
import { ibMtuBytes } from "../../src/base/units.ts";
import { FakeNetdev } from "../../src/netdev/fake.ts";
import { logLines, Rig } from "./rig.ts";

const MTU_4096 = ibMtuBytes(5)!;
const REFUSED = "No such device";

/** Makes all later changes of a network device fail. */
function vanish(netdev: FakeNetdev): void {
  const refuse = () => {
    throw new IpoibError("E_LINK_SET", REFUSED, { errno: Errno.ENODEV });
  };
  netdev.change = refuse;
  netdev.setMtu = refuse;
}

/** Returns the last words of the lines that `fn` logs, without name and level. */
function logged(fn: () => void): string[] {
  const before = logLines.length;
  fn();
  return logLines.slice(before).map((line) => line.split("warning: ").at(-1)!);
}

Deno.test("other children follow the parent if one has vanished", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  for (const name of ["gone", "kid"]) a.device.addChild(name);
  const [, gone, kid] = a.netdevs;
  vanish(gone!);
  for (const up of [false, true]) {
    const before = logLines.length;
    a.netdev.change({ up });
    rig.settle();
    assertEquals([gone!.config.up, kid!.config.up], [false, up]);
    const refusals = logLines.slice(before).filter((line) =>
      line.includes(`gone: warning: ${REFUSED}`)
    );
    assertEquals(refusals.length, 1);
  }
  gone!.config.emit("gone");
  assertEquals(a.device.children.length, 1);
  rig.check();
});

Deno.test("an MTU that is set on a device that vanishes, and is limited or set back, is logged", () => {
  for (const mtu of [4092, 9000]) {
    const rig = new Rig();
    const host = rig.host({ address: "10.0.0.1" });
    host.port.emit({ type: "sm_change" }, {
      maxMtu: MTU_4096,
      activeMtu: MTU_4096,
    });
    vanish(host.netdev);
    // The kernel's event of the change is read before that of the deletion.
    const lines = logged(() => host.netdev.config.setLink({ mtu }));
    assertEquals(lines, [REFUSED]);
  }
});
