import { assertEquals } from "@std/assert";
import { parseHca, upArguments } from "../../src/ipc/up_options.ts";

Deno.test("parseHca() parses every form and refuses invalid text", () => {
  assertEquals(parseHca("auto"), { kind: "auto" });
  assertEquals(parseHca("soft"), { kind: "soft", subnet: "default" });
  assertEquals(parseHca("soft:lab-1"), { kind: "soft", subnet: "lab-1" });
  assertEquals(parseHca("mlx5_0"), {
    kind: "verbs",
    device: "mlx5_0",
  });
  assertEquals(parseHca("mlx5_0/2"), {
    kind: "verbs",
    device: "mlx5_0",
    port: 2,
  });
  for (
    const bad of [
      "",
      "soft:",
      "soft:..",
      "soft:a/b",
      "soft/1",
      "mlx5_0/0",
      "mlx5_0/x",
      "mlx5_0:1",
      "mlx5_0/255",
      `soft:${"x".repeat(33)}`,
    ]
  ) {
    assertEquals(parseHca(bad), undefined, bad);
  }
});

Deno.test("upArguments() contains every option", () => {
  assertEquals(
    upArguments({
      names: ["ib1", "ib3"],
      hca: { kind: "soft", subnet: "lab" },
      roce: true,
      netns: "blue",
      pkeyIndex: 1,
      guid: 0x2c90300000001n,
      subnetMtu: 4096,
      mode: "datagram",
      mtu: 1500,
      background: true,
      io: "poll",
      memberships: "proc",
      nextHops: "routes",
      recvQueueSize: 1000,
      sendQueueSize: 64,
      maxGroups: 40,
      maxConnections: 7,
      log: "debug",
      threads: 3,
      logFile: "/srv/ib.log",
      timeoutS: 60,
      user: "nobody",
      config: "/etc/ipoib/ib1.conf",
    }).join(" "),
    "up ib1 ib3 --hca soft:lab --netns blue --pkey-index 1 --guid 0x0002c90300000001 " +
      "--subnet-mtu 4096 --mode datagram --mtu 1500 --io poll --memberships proc --next-hops routes --recv-queue-size 1000 --send-queue-size 64 --max-groups 40 --max-connections 7 --log debug --user nobody --config /etc/ipoib/ib1.conf --threads 3 --log-file /srv/ib.log --timeout 60 --roce --background",
  );
});
