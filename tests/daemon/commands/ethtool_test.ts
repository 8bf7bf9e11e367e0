import { assertEquals } from "@std/assert";
import { IpoibError } from "../../../src/base/errors.ts";
import { Rig } from "../../ipoib/rig.ts";
import { Control } from "./support.ts";

const EINVAL = 22;
const EOPNOTSUPP = 95;
const OFF = { "rx-usecs": 0, "rx-frames": 0, "adaptive-rx": 0 };

Deno.test("coalesce.set stores the values per interface and sets the moderation of its queue pair", () => {
  const control = new Control(new Rig().pair()[0]);
  const { host } = control;
  const child = control.run("child.create", { pkey: 0x8001 }).ifname;
  const set = (name: string, values: unknown) =>
    control.run("coalesce.set", { name, values });
  const get = (name: string) => control.run("coalesce.get", { name });
  assertEquals([get("ib1"), get(child)], [OFF, OFF]);
  set("ib1", { "rx-usecs": 16 });
  set("ib1", {});
  set("ib1", { "rx-frames": 65535 });
  set("ib1", { "rx-frames": 65535 });
  set(child, { "rx-usecs": 65535, "rx-frames": 1 });
  const moderated = { ...OFF, "rx-usecs": 16, "rx-frames": 65535 };
  assertEquals(get("ib1"), moderated);
  assertEquals(get(child), { ...OFF, "rx-usecs": 65535, "rx-frames": 1 });
  const qp = host.port.qps.get(host.link.qpn)!;
  assertEquals(qp.moderation, { rxUsecs: 16, rxFrames: 65535 });
  set("ib1", { "adaptive-rx": 1 });
  assertEquals(get("ib1"), { ...moderated, "adaptive-rx": 1 });
});

Deno.test("coalesce.set refuses values over 16 bits, without a change", () => {
  const control = new Control(new Rig().pair()[0]);
  const refused: Record<string, number>[] = [
    { "rx-usecs": 65536 },
    { "rx-frames": 0xffffffff, "rx-usecs": 3, "adaptive-rx": 1 },
  ];
  for (const values of refused) {
    assertEquals(control.refusal("coalesce.set", { values }), EINVAL);
  }
  assertEquals(control.run("coalesce.get"), OFF);
});

Deno.test("coalesce.set is refused, and stores nothing, if the device does not support moderation", () => {
  const control = new Control(new Rig().pair()[0]);
  control.host.port.refusesModeration = true;
  for (const values of [{ "rx-usecs": 5 }, { "adaptive-rx": 1 }]) {
    assertEquals(control.refusal("coalesce.set", { values }), EOPNOTSUPP);
  }
  control.run("coalesce.set", { values: { "rx-usecs": 0 } });
  assertEquals(control.run("coalesce.get"), OFF);
});

Deno.test("rings.set gives the interface a queue pair with the new receive ring, and the device another queue", () => {
  const control = new Control(new Rig().pair()[0]);
  const { host } = control;
  const rings = () => control.run("rings.get");
  const first = { "rx-max": 8192, "tx-max": 8192, "rx": 256, "tx": 1000 };
  assertEquals(rings(), { ...first, "tx-push": false });
  const { qpn } = host.link;
  control.run("rings.set", { rx: 200, tx: 1000 });
  assertEquals([rings().rx, rings().tx], [256, 1024], "rounded up");
  assertEquals(host.link.qpn, qpn);
  control.run("rings.set", { rx: 257 });
  host.rig.settle();
  assertEquals([rings().rx, host.link.state], [512, "running"]);
  assertEquals(host.port.qps.size, 1);
  assertEquals(host.link.qpn === qpn, false);
  assertEquals(
    control.run("param.show").find(({ param }) => param === "recv_queue_size")
      ?.value,
    512,
  );
  for (const size of [0, 1, 8193]) {
    assertEquals(control.refusal("rings.set", { rx: size }), EINVAL);
    assertEquals(control.refusal("rings.set", { rx: 2, tx: size }), EINVAL);
  }
  assertEquals([rings().rx, rings().tx], [512, 1024]);
});

Deno.test("a receive ring that the device refuses leaves the old one, and the link goes on", () => {
  const control = new Control(new Rig().pair()[0]);
  const { host } = control;
  const { port } = host;
  const create = port.createUdQp.bind(port);
  port.createUdQp = (options) => {
    if (options.recvQueueSize <= 1024) return create(options);
    throw new IpoibError("E_VERBS", "No memory", { errno: EINVAL });
  };
  assertEquals(control.refusal("rings.set", { rx: 2048 }), EINVAL);
  host.rig.settle();
  assertEquals([control.run("rings.get").rx, host.link.state], [
    256,
    "running",
  ]);
  assertEquals([...port.qps.keys()], [host.link.qpn]);
  host.rig.check();
});

Deno.test("driver returns the attributes of the HCA", () => {
  const control = new Control(new Rig().pair()[0]);
  const driver = control.run("driver");
  assertEquals(
    [driver.driver, driver["firmware-version"], driver["bus-info"]],
    ["ib_ipoib", "0", "fake"],
  );
});

Deno.test("features.set returns the features before and after", () => {
  const control = new Control(new Rig().pair()[0]);
  const { before, after } = control.run("features.set", {
    request: { "tx-tcp-segmentation": false, "rx-hashing": true },
  });
  const differing = after.filter(({ active }, i) =>
    active !== before[i]!.active
  );
  assertEquals(differing.map(({ name }) => name), ["tx-tcp-segmentation"]);
  assertEquals(control.run("features"), after);
});
