import { assert, assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import { chooseHca } from "../../src/daemon/choose_hca.ts";
import type { VerbsProbe } from "../../src/hca/verbs/probe.ts";
import type { HcaChoice } from "../../src/ipc/up_options.ts";

const AUTO: HcaChoice = { kind: "auto" };
const nothing = (): VerbsProbe => ({ devices: [], library: false });

Deno.test("chooseHca() takes the embedded subnet that is asked for without looking", () => {
  const looked = () => {
    throw new Error("looked");
  };
  const choice: HcaChoice = { kind: "soft", subnet: "lab" };
  assertEquals(chooseHca(choice, looked), {
    subnet: "lab",
    warning: undefined,
  });
});

Deno.test("chooseHca() falls back silently where there is no device", () => {
  assertEquals(chooseHca(AUTO, nothing), {
    subnet: "default",
    warning: undefined,
  });
});

Deno.test("chooseHca() warns if there is a device and no library", () => {
  const devices = ["mlx5_0", "mlx5_1"];
  const { subnet, warning } = chooseHca(
    AUTO,
    () => ({ devices, library: false }),
  );
  assertEquals(subnet, "default");
  assert(warning?.includes("mlx5_0, mlx5_1"));
  assert(warning?.includes("libibverbs"), warning);
});

Deno.test("chooseHca() refuses a device that does not exist", () => {
  const error = assertThrows(
    () => chooseHca({ kind: "verbs", device: "mlx5_7", port: 1 }, nothing),
    IpoibError,
    "mlx5_7 does not exist",
  );
  assertEquals([error.code, error.errno], ["E_HCA", 19]);
});
