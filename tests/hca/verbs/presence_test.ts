import { assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../../src/base/errors.ts";
import { DevicePresence } from "../../../src/hca/verbs/presence.ts";

const GUID = "0002:c903:0000:abcc";

/** Runs `test` with a directory of device classes, and a function that writes (or without text removes) a file in it. */
async function withClasses(
  test: (
    classes: string,
    file: (path: string, text?: string) => Promise<void>,
  ) => Promise<void>,
): Promise<void> {
  const classes = await Deno.makeTempDir();
  const file = async (path: string, text?: string) => {
    const full = `${classes}/${path}`;
    const parent = full.slice(0, full.lastIndexOf("/"));
    if (text === undefined) {
      return await Deno.remove(parent, { recursive: true });
    }
    await Deno.mkdir(parent, { recursive: true });
    await Deno.writeTextFile(full, `${text}\n`);
  };
  try {
    await test(classes, file);
  } finally {
    await Deno.remove(classes, { recursive: true });
  }
}

Deno.test("DevicePresence notices that the device file of an open device is gone, or is that of another device", () =>
  withClasses(async (classes, file) => {
    await file("infiniband/mlx5_0/node_guid", GUID);
    await file("infiniband_verbs/uverbs0/ibdev", "mlx5_1");
    await file("infiniband_verbs/uverbs1/ibdev", "mlx5_0");
    const names = { device: "mlx5_0", port: 1, roce: true };
    const presence = new DevicePresence(names, classes);
    assertEquals(presence.removed, false);
    await file("infiniband_verbs/uverbs1/ibdev");
    assertEquals(presence.removed, true);
    await file("infiniband_verbs/uverbs1/ibdev", "mlx5_3");
    assertEquals(presence.removed, true);
    await file("infiniband_verbs/uverbs2/ibdev", "mlx5_0");
    presence.opened();
    assertEquals(presence.removed, false);
  }));

Deno.test("DevicePresence notices that the device file for MADs is gone", () =>
  withClasses(async (classes, file) => {
    await file("infiniband_verbs/uverbs0/ibdev", "mlx5_0");
    await file("infiniband_mad/umad3/ibdev", "mlx5_0");
    await file("infiniband_mad/umad3/port", "1");
    const names = { device: "mlx5_0", port: 1, roce: false };
    const presence = new DevicePresence(names, classes);
    assertEquals(presence.removed, false);
    await file("infiniband_mad/umad3/port");
    assertEquals(presence.removed, true);
  }));

Deno.test("DevicePresence does not take a file that cannot be read for the removal of the device", () =>
  withClasses(async (classes, file) => {
    await file("infiniband_verbs/uverbs0/ibdev", "mlx5_0");
    const names = { device: "mlx5_0", port: 1, roce: true };
    const presence = new DevicePresence(names, classes);
    await Deno.remove(`${classes}/infiniband_verbs/uverbs0/ibdev`);
    assertEquals(presence.removed, false);
  }));

Deno.test("a lost device exists again with its device files and the same node GUID", () =>
  withClasses(async (classes, file) => {
    await file("infiniband/mlx5_0/node_guid", GUID);
    const infiniband = new DevicePresence(
      { device: "mlx5_0", port: 2, roce: false },
      classes,
    );
    const roce = new DevicePresence(
      { device: "mlx5_0", port: 2, roce: true },
      classes,
    );
    const exist = () => [infiniband.exists(), roce.exists()];
    assertEquals(exist(), [false, false]);
    await file("infiniband_verbs/uverbs0/ibdev", "mlx5_0");
    assertEquals(exist(), [false, true]);
    await file("infiniband_mad/umad0/ibdev", "mlx5_0");
    await file("infiniband_mad/umad0/port", "1");
    assertEquals(exist(), [false, true]);
    await file("infiniband_mad/umad1/ibdev", "mlx5_0");
    await file("infiniband_mad/umad1/port", "2");
    assertEquals(exist(), [true, true]);
    await file("infiniband/mlx5_0/node_guid", "0002:c903:0000:ffff");
    const { code, message } = assertThrows(() => roce.exists(), IpoibError);
    assertEquals(code, "E_HCA");
    assertEquals(
      message,
      "Another device has the name mlx5_0: its node GUID is 0002:c903:0000:ffff, that of the lost one 0002:c903:0000:abcc",
    );
    await file("infiniband/mlx5_0/node_guid");
    assertEquals(exist(), [false, false]);
  }));
