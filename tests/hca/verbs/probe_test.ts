import { assertEquals } from "@std/assert";
import { probeVerbs } from "../../../src/hca/verbs/probe.ts";

Deno.test("probeVerbs() finds devices, ports and their link layers", async () => {
  const top = await Deno.makeTempDir();
  try {
    const port = async (name: string, layer: string) => {
      await Deno.mkdir(`${top}/${name}`, { recursive: true });
      await Deno.writeTextFile(`${top}/${name}/link_layer`, `${layer}\n`);
    };
    await port("mlx5_0/ports/1", "InfiniBand");
    await port("mlx5_0/ports/10", "InfiniBand");
    await port("mlx5_0/ports/2", "Ethernet");
    await port("mlx5_10/ports/1", "InfiniBand");
    await port("mlx5_2/ports/1", "InfiniBand");
    await port("rxe0/ports/1", "Ethernet");
    await port("siw0/ports/1", "Ethernet");
    await Deno.writeTextFile(`${top}/siw0/node_type`, "4: RNIC\n");
    await Deno.writeTextFile(`${top}/rxe0/node_type`, "1: CA\n");
    const { devices, ports } = probeVerbs(top);
    assertEquals(devices, ["mlx5_0", "mlx5_2", "mlx5_10", "rxe0", "siw0"]);
    assertEquals(
      ports.map(({ device, port, linkLayer }) =>
        `${device}/${port} ${linkLayer}`
      ),
      [
        "mlx5_0/1 infiniband",
        "mlx5_0/2 ethernet",
        "mlx5_0/10 infiniband",
        "mlx5_2/1 infiniband",
        "mlx5_10/1 infiniband",
        "rxe0/1 ethernet",
        "siw0/1 iwarp",
      ],
    );
  } finally {
    await Deno.remove(top, { recursive: true });
  }
});

Deno.test("probeVerbs() returns empty lists on a host without devices", () => {
  assertEquals(probeVerbs("/nonexistent"), {
    devices: [],
    ports: [],
    library: false,
  });
});
