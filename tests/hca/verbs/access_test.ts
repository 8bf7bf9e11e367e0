import { assert, assertEquals } from "@std/assert";
import { IpoibError } from "../../../src/base/errors.ts";
import {
  deviceFileError,
  type DeviceFiles,
  tryOpen,
} from "../../../src/hca/verbs/access.ts";

const FILES = "/dev/infiniband";

/** Creates the sysfs classes of a host with two devices, one of which has two ports. `tryOpen` returns `errno`. */
async function host(
  errno: number,
): Promise<DeviceFiles & AsyncDisposable & { tried: string[] }> {
  const classes = await Deno.makeTempDir();
  const add = async (path: string, values: Record<string, string>) => {
    await Deno.mkdir(`${classes}/${path}`, { recursive: true });
    for (const [name, value] of Object.entries(values)) {
      await Deno.writeTextFile(`${classes}/${path}/${name}`, `${value}\n`);
    }
  };
  await add("infiniband_verbs/uverbs0", { ibdev: "mlx5_1" });
  await add("infiniband_verbs/uverbs1", { ibdev: "mlx5_0" });
  await add("infiniband_mad/issm0", { ibdev: "mlx5_0", port: "1" });
  await add("infiniband_mad/umad0", { ibdev: "mlx5_0", port: "1" });
  await add("infiniband_mad/umad1", { ibdev: "mlx5_0", port: "2" });
  const tried: string[] = [];
  return {
    directory: FILES,
    classes,
    tried,
    tryOpen: (path) => {
      tried.push(path);
      return errno;
    },
    [Symbol.asyncDispose]: () => Deno.remove(classes, { recursive: true }),
  };
}

function parts(error: IpoibError | undefined) {
  assert(error);
  const { code, errno, message, hint } = error;
  assert(hint, message);
  return [code, errno, message];
}

Deno.test("deviceFileError() finds the file of a device and of a port", async () => {
  await using files = await host(0);
  assertEquals(
    deviceFileError("uverbs", "mlx5_0", undefined, files),
    undefined,
  );
  assertEquals(deviceFileError("umad", "mlx5_0", 2, files), undefined);
  assertEquals(deviceFileError("umad", "mlx5_0", 1, files), undefined);
  assertEquals(
    files.tried,
    [`${FILES}/uverbs1`, `${FILES}/umad1`, `${FILES}/umad0`],
  );
});

for (const errno of [1, 13]) {
  Deno.test(`deviceFileError() reports a missing permission, errno ${errno}`, async () => {
    await using files = await host(errno);
    assertEquals(
      parts(deviceFileError("uverbs", "mlx5_1", undefined, files)),
      [
        "E_PRIVILEGE",
        errno,
        `No permission to open device file ${FILES}/uverbs0 of mlx5_1`,
      ],
    );
    assertEquals(parts(deviceFileError("umad", "mlx5_0", 2, files)), [
      "E_PRIVILEGE",
      errno,
      `No permission to open device file ${FILES}/umad1 of mlx5_0/2`,
    ]);
  });
}

Deno.test("deviceFileError() distinguishes a missing kernel module from a missing file", async () => {
  await using files = await host(2);
  const missing = deviceFileError("umad", "mlx5_1", 1, files);
  assertEquals(parts(missing), [
    "E_DEVICE_FILE",
    2,
    `No device file ${FILES}/umadN exists for mlx5_1/1`,
  ]);
  assertEquals(missing!.hint, "load kernel module ib_umad");
  assertEquals(parts(deviceFileError("umad", "mlx5_0", 1, files)), [
    "E_DEVICE_FILE",
    2,
    `Device file ${FILES}/umad0 of mlx5_0/1 does not exist`,
  ]);
});

Deno.test("deviceFileError() reports any other errno with its text", async () => {
  await using files = await host(5);
  const error = deviceFileError("uverbs", "mlx5_0", undefined, files);
  assertEquals([error?.code, error?.errno, error?.message], [
    "E_DEVICE_FILE",
    5,
    `Cannot open device file ${FILES}/uverbs1 of mlx5_0: Input/output error`,
  ]);
});

Deno.test("tryOpen() opens the device file", async () => {
  await using files = await host(0);
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${directory}/umad0`, "");
    const { classes } = files;
    const places = { directory, classes, tryOpen };
    assertEquals(deviceFileError("umad", "mlx5_0", 1, places), undefined);
    assertEquals(deviceFileError("umad", "mlx5_0", 2, places)?.errno, 2);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
