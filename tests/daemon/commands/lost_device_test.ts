/** The commands while the device of the port is lost. */

import { assertEquals } from "@std/assert";
import { LOOK_INTERVAL_MS } from "../../../src/hca/lost_device.ts";
import { Rig } from "../../ipoib/rig.ts";
import { Control } from "./support.ts";

const REASON = "it was removed";
const WAITING = `waiting for device fake: ${REASON}`;

Deno.test("the commands of an interface work while its device is lost, and their changes remain when it is back", () => {
  const rig = new Rig();
  const host = rig.host({ connections: true });
  const control = new Control(host);
  host.port.lose(rig.reactor, REASON);
  rig.settle();
  const child = control.run("child.create", { pkey: 0x8001 });
  control.run("link.set", { name: child.ifname, up: true });
  control.run("link.set", { name: "ib1", mode: "connected", umcast: true });
  control.run("set", { name: "ib1", file: "mtu", value: "1500" });
  control.run("rings.set", { name: "ib1", rx: 64 });
  control.run("param.set", { param: "debug_level", value: "1" });
  rig.settle();
  const [link] = control.run("link.show", { name: "ib1" });
  assertEquals([link!.state, link!.hca.lost], [WAITING, REASON]);
  assertEquals([link!.hca.port_state, link!.qpn], ["DOWN", 0]);
  assertEquals(link!.flags.includes("NO-CARRIER"), true);
  assertEquals(control.run("child.list")[0]!.state, WAITING);
  const [stats] = control.run("stats", { name: "ib1" });
  assertEquals(stats!.ifname, "ib1");
  assertEquals(control.run("path.show"), []);
  assertEquals(control.run("mcg.show"), []);
  assertEquals(control.run("driver", { name: "ib1" })["bus-info"], "fake");

  host.port.deviceExists = () => true;
  rig.advance(LOOK_INTERVAL_MS);
  rig.advance(1000);
  const links = control.run("link.show");
  assertEquals(links.map(({ state, hca }) => [state, hca.lost]), [
    ["running", undefined],
    ["running", undefined],
  ]);
  const { linkinfo, mtu_chain: { admin } } = links[0]!;
  const { mode, umcast } = linkinfo.info_data;
  assertEquals([mode, umcast, admin], ["connected", "0001", 1500]);
  assertEquals(control.run("rings.get", { name: "ib1" }).rx, 64);
  host.port.lose(rig.reactor, REASON);
  control.run("child.delete", { pkey: 0x8001 });
  rig.settle();
  rig.check();
});
