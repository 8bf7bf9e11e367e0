import { assert, assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import { chooseHca, type Notice } from "../../src/daemon/choose_hca.ts";
import type { VerbsProbe } from "../../src/hca/verbs/probe.ts";
import type { HcaChoice } from "../../src/ipc/up_options.ts";

const AUTO: HcaChoice = { kind: "auto" };
const nothing = (): VerbsProbe => ({ devices: [], ports: [], library: false });
const mixed = (library = true): VerbsProbe => ({
  devices: ["mlx5_0", "mlx5_1", "mlx5_2"],
  ports: [
    { device: "mlx5_0", port: 1, linkLayer: "ethernet" },
    { device: "mlx5_1", port: 1, linkLayer: "ethernet" },
    { device: "mlx5_1", port: 2, linkLayer: "infiniband" },
    { device: "mlx5_2", port: 1, linkLayer: "infiniband" },
    { device: "mlx5_2", port: 2, linkLayer: "infiniband" },
  ],
  library,
});

function named(device: string, port?: number): HcaChoice {
  return { kind: "verbs", device, ...(port === undefined ? {} : { port }) };
}

function refusal(choice: HcaChoice, probe: () => VerbsProbe): IpoibError {
  return assertThrows(() => chooseHca(choice, probe), IpoibError);
}

/** Asserts that the default choice falls back to the embedded subnet, and returns the notice. */
function fallback(probe: () => VerbsProbe): Notice {
  const chosen = chooseHca(AUTO, probe);
  assert(chosen.kind === "soft");
  assertEquals(chosen.subnet, "default");
  assert(chosen.notice);
  return chosen.notice;
}

/** Returns the selected ports as text. */
function ports(choice: HcaChoice): string[] {
  const chosen = chooseHca(choice, () => mixed());
  assert(chosen.kind === "verbs");
  return chosen.ports.map(({ device, port }) => `${device}/${port}`);
}

Deno.test("chooseHca() selects a named embedded subnet without probing devices", () => {
  const probe = () => {
    throw new Error("probed");
  };
  const choice: HcaChoice = { kind: "soft", subnet: "lab" };
  assertEquals(chooseHca(choice, probe), {
    kind: "soft",
    subnet: "lab",
    notice: undefined,
  });
});

Deno.test("chooseHca() falls back to the embedded subnet with a notice if the host has no device", () => {
  assertEquals(fallback(nothing), {
    level: "info",
    text:
      'No InfiniBand device on this host: using the embedded subnet "default"',
  });
});

Deno.test("chooseHca() falls back with a warning if libibverbs is missing", () => {
  const { level, text } = fallback(() => mixed(false));
  assertEquals(level, "warning");
  assert(text.includes("mlx5_0, mlx5_1"), text);
  assert(text.includes("libibverbs is missing"), text);
});

Deno.test("chooseHca() falls back with a warning if all ports are Ethernet", () => {
  const { ports, ...rest } = mixed();
  const { level, text } = fallback(() => ({
    ...rest,
    ports: ports.slice(0, 2),
  }));
  assertEquals(level, "warning");
  assert(text.includes("RoCE"), text);
});

Deno.test("chooseHca() falls back with a warning if the devices have no port", () => {
  const { text } = fallback(() => ({ ...mixed(), ports: [] }));
  assert(text.includes("it has no port"), text);
});

Deno.test("chooseHca() selects all InfiniBand ports in order", () => {
  assertEquals(ports(AUTO), ["mlx5_1/2", "mlx5_2/1", "mlx5_2/2"]);
});

Deno.test("chooseHca() selects the named port, or the first InfiniBand port of the named device", () => {
  assertEquals(ports(named("mlx5_2", 2)), ["mlx5_2/2"]);
  assertEquals(ports(named("mlx5_2")), ["mlx5_2/1"]);
  assertEquals(ports(named("mlx5_1")), ["mlx5_1/2"]);
});

Deno.test("chooseHca() refuses a device or port that does not exist", () => {
  const device = refusal(named("mlx5_7", 1), nothing);
  assertEquals(device.message, "InfiniBand device mlx5_7 does not exist");
  assertEquals([device.code, device.errno], ["E_HCA", 19]);
  assert(device.hint?.includes("--hca soft"), device.hint);
  const other = refusal(named("mlx5_7"), () => mixed());
  assertEquals(other.hint, "available devices: mlx5_0, mlx5_1, mlx5_2");
  const port = refusal(named("mlx5_1", 3), () => mixed());
  assertEquals(port.message, "Device mlx5_1 has no port 3");
  assertEquals([port.code, port.hint], ["E_HCA", "available ports: 1, 2"]);
  const none = refusal(
    named("mlx5_0"),
    () => ({ ...mixed(), ports: [] }),
  );
  assertEquals(none.message, "Device mlx5_0 has no port");
});

Deno.test("chooseHca() refuses a named device if libibverbs is missing", () => {
  const { code, errno, message, hint } = refusal(
    named("mlx5_1", 2),
    () => mixed(false),
  );
  assertEquals([code, errno], ["E_LIBRARY", 2]);
  assertEquals(
    message,
    "InfiniBand device mlx5_1 cannot be used: libibverbs is missing",
  );
  assertEquals(hint, "install libibverbs1 and ibverbs-providers");
});

Deno.test("chooseHca() refuses a named Ethernet port without --roce", () => {
  for (const choice of [named("mlx5_0", 1), named("mlx5_0")]) {
    const { code, errno, message } = refusal(choice, () => mixed());
    assertEquals([code, errno], ["E_LINK_LAYER", 93]);
    assert(message.startsWith("mlx5_0/1 is an Ethernet port"), message);
  }
});

Deno.test("chooseHca() selects Ethernet ports with --roce, and marks them", () => {
  assertEquals(chooseHca(named("mlx5_0"), () => mixed(), true), {
    kind: "verbs",
    ports: [{ kind: "verbs", device: "mlx5_0", port: 1, roce: true }],
  });
  const all = chooseHca(AUTO, () => mixed(), true);
  assert(all.kind === "verbs");
  assertEquals(
    all.ports.map(({ device, port, roce }) =>
      `${device}/${port}${roce ? " ethernet" : ""}`
    ),
    mixed().ports.map(({ device, port, linkLayer }) =>
      `${device}/${port}${linkLayer === "ethernet" ? " ethernet" : ""}`
    ),
  );
});

Deno.test("chooseHca() with --roce never falls back to the embedded subnet", () => {
  const refused = (choice: HcaChoice, probe: () => VerbsProbe) =>
    assertThrows(() => chooseHca(choice, probe, true), IpoibError).code;
  assertEquals(refused(AUTO, nothing), "E_HCA");
  assertEquals(refused(AUTO, () => mixed(false)), "E_LIBRARY");
  assertEquals(refused(AUTO, () => ({ ...mixed(), ports: [] })), "E_HCA");
  assertEquals(refused({ kind: "soft", subnet: "lab" }, nothing), "E_HCA");
});

Deno.test("chooseHca() uses no iWARP port, and says so", () => {
  const iwarp = { device: "siw0", port: 1, linkLayer: "iwarp" } as const;
  const alone = (): VerbsProbe => ({
    devices: ["siw0"],
    ports: [iwarp],
    library: true,
  });
  assertEquals(fallback(alone), {
    level: "warning",
    text:
      "Device siw0 is not used: it has no port other than iWARP; using the embedded subnet",
  });
  for (const roce of [false, true]) {
    const error = assertThrows(
      () => chooseHca(named("siw0"), alone, roce),
      IpoibError,
    );
    assertEquals([error.code, error.message], [
      "E_LINK_LAYER",
      "siw0/1 is an iWARP port, which cannot carry IPoIB: iWARP has no datagrams",
    ]);
  }
  const error = assertThrows(() => chooseHca(AUTO, alone, true), IpoibError);
  assertEquals(
    error.message,
    "Device siw0 has no port other than iWARP for --roce",
  );
  const beside = () => {
    const { devices, ports } = mixed();
    return {
      devices: [...devices, "siw0"],
      ports: [iwarp, ...ports],
      library: true,
    };
  };
  const chosen = chooseHca(AUTO, beside, true);
  assert(chosen.kind === "verbs");
  assertEquals(chosen.ports.length, 5);
});
