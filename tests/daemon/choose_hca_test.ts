import { assert, assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import { chooseHca } from "../../src/daemon/choose_hca.ts";
import type { VerbsProbe } from "../../src/hca/verbs/probe.ts";
import type { HcaChoice } from "../../src/ipc/up_options.ts";

const AUTO: HcaChoice = { kind: "auto" };
const nothing = (): VerbsProbe => ({ devices: [], ports: [], library: false });
const mixed = (library = true): VerbsProbe => ({
  devices: ["mlx5_0", "mlx5_1"],
  ports: [
    { device: "mlx5_0", port: 1, linkLayer: "ethernet" },
    { device: "mlx5_1", port: 1, linkLayer: "ethernet" },
    { device: "mlx5_1", port: 2, linkLayer: "infiniband" },
  ],
  library,
});

function named(device: string, port: number): HcaChoice {
  return { kind: "verbs", device, port };
}

function refusal(choice: HcaChoice, probe: () => VerbsProbe): IpoibError {
  return assertThrows(() => chooseHca(choice, probe), IpoibError);
}

Deno.test("chooseHca() takes the embedded subnet that is asked for without looking", () => {
  const looked = () => {
    throw new Error("looked");
  };
  const choice: HcaChoice = { kind: "soft", subnet: "lab" };
  assertEquals(chooseHca(choice, looked), {
    kind: "soft",
    subnet: "lab",
    warning: undefined,
  });
});

Deno.test("chooseHca() falls back silently where there is no device", () => {
  assertEquals(chooseHca(AUTO, nothing), {
    kind: "soft",
    subnet: "default",
    warning: undefined,
  });
});

Deno.test("chooseHca() warns if there is a device and no library", () => {
  const hca = chooseHca(AUTO, () => mixed(false));
  assert(hca.kind === "soft");
  assertEquals(hca.subnet, "default");
  assert(hca.warning?.includes("mlx5_0, mlx5_1"));
  assert(hca.warning?.includes("libibverbs"), hca.warning);
});

Deno.test("chooseHca() takes the first InfiniBand port", () => {
  assertEquals(chooseHca(AUTO, () => mixed()), {
    kind: "verbs",
    device: "mlx5_1",
    port: 2,
  });
});

Deno.test("chooseHca() warns if all links are Ethernet", () => {
  const { ports, ...rest } = mixed();
  const hca = chooseHca(AUTO, () => ({ ...rest, ports: ports.slice(0, 2) }));
  assert(hca.kind === "soft");
  assert(hca.warning?.includes("RoCE"), hca.warning);
});

Deno.test("chooseHca() takes the port that is asked for", () => {
  assertEquals(chooseHca(named("mlx5_1", 2), () => mixed()), {
    kind: "verbs",
    device: "mlx5_1",
    port: 2,
  });
});

Deno.test("chooseHca() refuses a device or port that does not exist", () => {
  const device = refusal(named("mlx5_7", 1), nothing);
  assert(device.message.includes("mlx5_7 does not exist"), device.message);
  assertEquals([device.code, device.errno], ["E_HCA", 19]);
  const port = refusal(named("mlx5_1", 3), () => mixed());
  assertEquals(port.message, "Device mlx5_1 has no port 3");
  assertEquals([port.code, port.hint], ["E_HCA", "it has 1, 2"]);
});

Deno.test("chooseHca() refuses a device without the library, and an Ethernet port", () => {
  const library = refusal(named("mlx5_1", 2), () => mixed(false));
  assertEquals(library.code, "E_LIBRARY");
  const roce = refusal(named("mlx5_0", 1), () => mixed());
  assertEquals([roce.code, roce.errno], ["E_LINK_LAYER", 93]);
  assert(roce.message.startsWith("mlx5_0/1 is an Ethernet port"), roce.message);
});
