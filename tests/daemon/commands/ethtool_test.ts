import { assert, assertEquals } from "@std/assert";
import { Rig } from "../../ipoib/rig.ts";
import { Control } from "./support.ts";

const EINVAL = 22;
const EOPNOTSUPP = 95;

Deno.test("coalesce.set stores the values per interface and sets the moderation of its queue pair", () => {
  const control = new Control(new Rig().pair()[0]);
  const { host } = control;
  const child = control.run("child.create", { pkey: 0x8001 }).ifname;
  const off = { "rx-usecs": 0, "rx-frames": 0 };
  const set = (name: string, values: unknown) =>
    control.run("coalesce.set", { name, values });
  const get = (name: string) => control.run("coalesce.get", { name });
  assertEquals([get("ib1"), get(child)], [off, off]);
  set("ib1", { "rx-usecs": 16 });
  set("ib1", {});
  set("ib1", { "rx-frames": 65535 });
  set("ib1", { "rx-frames": 65535 });
  set(child, { "rx-usecs": 65535, "rx-frames": 1 });
  assertEquals(get("ib1"), { "rx-usecs": 16, "rx-frames": 65535 });
  assertEquals(get(child), { "rx-usecs": 65535, "rx-frames": 1 });
  const qp = host.port.qps.get(host.link.qpn)!;
  assertEquals(qp.moderation, { rxUsecs: 16, rxFrames: 65535 });
});

Deno.test("coalesce.set refuses values over 16 bits and unsupported parameters, without a change", () => {
  const control = new Control(new Rig().pair()[0]);
  const refused: [Record<string, number>, number][] = [
    [{ "rx-usecs": 65536 }, EINVAL],
    [{ "rx-frames": 0xffffffff, "rx-usecs": 3 }, EINVAL],
    [{ "tx-usecs": 1 }, EOPNOTSUPP],
    [{ "rx-usecs": 3, "adaptive-rx": 1 }, EOPNOTSUPP],
  ];
  for (const [values, errno] of refused) {
    assertEquals(control.refusal("coalesce.set", { values }), errno);
  }
  assertEquals(control.run("coalesce.get"), { "rx-usecs": 0, "rx-frames": 0 });
});

Deno.test("coalesce.set stores the values even if the device does not support moderation", () => {
  const control = new Control(new Rig().pair()[0]);
  control.host.port.refusesModeration = true;
  control.run("coalesce.set", { values: { "rx-usecs": 5 } });
  assertEquals(control.run("coalesce.get")["rx-usecs"], 5);
});

Deno.test("driver returns the attributes of the HCA, features its capabilities", () => {
  const control = new Control(new Rig().pair()[0]);
  const driver = control.run("driver");
  assertEquals(
    [driver.driver, driver["firmware-version"], driver["bus-info"]],
    ["ib_ipoib", "0", "fake"],
  );
  const state = () =>
    Object.fromEntries(
      control.run("features").map(({ name, active }) => [name, active]),
    );
  assert(state()["tx-tcp-segmentation"] && state()["rx-checksum"]);
  const { port } = control.host;
  const { capabilities } = port.attributes;
  port.set({
    capabilities: {
      ...capabilities,
      segmentation: "none",
      transmitChecksum: false,
    },
  });
  assert(!state()["tx-tcp-segmentation"] && !state()["tx-checksum-ipv4"]);
  assert(state()["rx-checksum"]);
  port.set({ capabilities: { ...capabilities, receiveChecksum: false } });
  assert(state()["tx-tcp-segmentation"] && !state()["rx-checksum"]);
  assert(state()["vlan-challenged"]);
});
