/** Two hosts on one embedded subnet: link record, ping and TCP in both directions, `down`. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Host } from "../../scripts/host.ts";
import { pings, type Station, stream } from "../../scripts/demo/traffic.ts";
import { createNamespace } from "../../src/system/namespace.ts";
import { runProgram } from "./run_program.ts";

Deno.test("ipoib up carries ping and TCP in both directions between two hosts", async () => {
  const runtime = await Deno.makeTempDir();
  const namespaces = [createNamespace(), createNamespace()] as const;
  const hosts = namespaces.map((namespace) =>
    Host.start({ namespace, runtime })
  );
  try {
    const addresses = ["10.78.0.1", "10.78.0.2"] as const;
    for (const [i, host] of hosts.entries()) {
      const link = await host.configure(`${addresses[i]}/24`);
      assertMatch(link.address, /^([0-9a-f]{2}:){19}[0-9a-f]{2}$/);
      assertEquals(link.mtu, 2044);
    }
    const [a, b] = namespaces.map((namespace, i) => ({
      namespace: namespace.number,
      address: addresses[i]!,
    })) as [Station, Station];
    for (const [from, to] of [[a, b], [b, a]] as const) {
      const { sent, received } = await pings(from, to, 20, 10);
      assertEquals(received, sent);
      assert(await stream(from, to, 1, () => {}) > 0);
    }
    const [first] = hosts as [Host, Host];
    const env = { IPOIB_RUNTIME_DIR: runtime };
    const show = await runProgram(
      ["link", "show", "-j", "-n", first.namespacePath],
      env,
    );
    assertEquals([show.code, show.stderr], [0, ""]);
    const [link] = JSON.parse(show.stdout);
    assertEquals([link.ifname, link.mtu], ["ib0", 2044]);
    const down = await runProgram(
      ["down", "ib0", "-n", first.namespacePath],
      env,
    );
    assertEquals([down.code, down.stderr], [0, ""]);
  } finally {
    await Promise.all(hosts.map((host) => host.stop()));
    namespaces.forEach((namespace) => namespace.close());
    await Deno.remove(runtime, { recursive: true });
  }
});
