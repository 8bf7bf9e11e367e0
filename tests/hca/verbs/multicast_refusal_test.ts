/** Devices that refuse to attach queue pairs to multicast groups. */

import { assertEquals, assertThrows } from "@std/assert";
import { Errno } from "../../../src/base/errno.ts";
import { IpoibError } from "../../../src/base/errors.ts";
import { attachRefusal } from "../../../src/hca/verbs/multicast_refusal.ts";
import { UdQpRig } from "./ud_qp_rig.ts";

const MLID = 0xc003;

/** Runs `run` with a directory of devices in sysfs: one of each driver, and a software device. */
function withDevices(run: (directory: string) => void): void {
  const directory = Deno.makeTempDirSync();
  try {
    for (const driver of ["bnxt_en", "mlx5_core"]) {
      const device = `${directory}/${driver}0/device`;
      Deno.mkdirSync(device, { recursive: true });
      const text = `PCI_SLOT_NAME=0000:01:00.0\nDRIVER=${driver}\n`;
      Deno.writeTextFileSync(`${device}/uevent`, text);
    }
    Deno.mkdirSync(`${directory}/soft0`);
    run(directory);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

Deno.test("attachRefusal() names the driver that has no multicast for queue pairs", () =>
  withDevices((directory) => {
    const hint = (device: string, errno: number) =>
      attachRefusal(device, MLID, errno, directory).hint;
    const limitation = (name: string) =>
      `the driver ${name} has no multicast for user-space queue pairs, without which there is no IPoIB`;
    const named = limitation("bnxt_en of bnxt_en0");
    for (const errno of [Errno.EOPNOTSUPP, Errno.ENOSYS, Errno.EINVAL]) {
      assertEquals(hint("bnxt_en0", errno), named);
    }
    assertEquals(hint("soft0", Errno.EOPNOTSUPP), limitation("soft0"));
    // A driver that has multicast refuses a single group with this errno.
    assertEquals(hint("mlx5_core0", Errno.EINVAL), undefined);
    assertEquals(hint("bnxt_en0", Errno.ENOMEM), undefined);
    assertEquals(hint("absent0", Errno.EINVAL), undefined);
  }));

Deno.test("a queue pair on a device without multicast cannot be attached, and says so", () => {
  using rig = new UdQpRig(false);
  for (const answer of [Errno.EOPNOTSUPP, -Errno.EOPNOTSUPP]) {
    rig.attached = answer;
    const error = assertThrows(
      () => rig.qp.attachMulticast(new Uint8Array(16), MLID),
      IpoibError,
      "Cannot attach to multicast LID 0xc003: Operation not supported",
    );
    assertEquals([error.errno, rig.qp.groups], [Errno.EOPNOTSUPP, []]);
    assertEquals(
      error.hint,
      "the driver fake has no multicast for user-space queue pairs, without which there is no IPoIB",
    );
  }
});
