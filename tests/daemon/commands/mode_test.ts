/** Commands that show and set the mode, and records of connections. */

import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { IpoibError } from "../../../src/base/errors.ts";
import { connectedPair, frameOf, rcQp } from "../../ipoib/connected/support.ts";
import { Rig } from "../../ipoib/rig.ts";
import { refusal, run } from "./support.ts";

const EINVAL = 22;

Deno.test("link.set and set change the mode, get and link.show return it", () => {
  const { a } = connectedPair({ mode: "datagram" });
  const modes = () => {
    const [link] = run(a, "link.show");
    return [
      run(a, "get", { name: "ib1", file: "mode" }).value,
      link!.linkinfo.info_data.mode,
      link!.mtu,
    ];
  };
  assertEquals(modes(), ["datagram", "datagram", 2044]);
  run(a, "link.set", { name: "ib1", mode: "connected", mtu: 9000 });
  assertEquals(modes(), ["connected", "connected", 9000]);
  run(a, "set", { name: "ib1", file: "mode", value: "datagram" });
  assertEquals(modes(), ["datagram", "datagram", 2044]);
  run(a, "set", { name: "ib1", file: "mode", value: "connected" });
  assertEquals(modes(), ["connected", "connected", 65_520]);
  const bad = { name: "ib1", file: "mode", value: "connected\n" };
  assertEquals(refusal(a, "set", bad), ["E_VALUE", EINVAL]);
});

Deno.test("link.add creates a child in connected mode", () => {
  const { a } = connectedPair({ mode: "datagram" });
  run(a, "link.add", { link: "ib1", name: "blue", mode: "connected" });
  const [child] = run(a, "link.show", { name: "blue" });
  assertEquals([child!.linkinfo.info_data.mode, child!.mtu], [
    "connected",
    65_520,
  ]);
  assertEquals(run(a, "link.show", { name: "ib1" })[0]!.mtu, 2044);
});

Deno.test("connected mode is refused on a port without connection management, and no child is created", () => {
  const host = new Rig().host();
  const set = { name: "ib1", mode: "connected" };
  assertEquals(refusal(host, "link.set", set), ["E_MODE", EINVAL]);
  const add = { link: "ib1", name: "blue", mode: "connected" };
  const { code, errno, message } = assertThrows(
    () => run(host, "link.add", add),
    IpoibError,
  );
  assertEquals([code, errno], ["E_MODE", EINVAL]);
  assertStringIncludes(message, "blue cannot use connected mode");
  assertEquals(host.device.children, []);
  const [link] = run(host, "link.show");
  assertEquals(
    [link!.connections, link!.no_connections],
    [undefined, "the fake fabric has no connections"],
  );
});

Deno.test("records show the transport of peers, and the numbers of connections", () => {
  const { a, b, rig } = connectedPair();
  const row = () => run(a, "neigh.show")[0]!;
  a.send(frameOf(100));
  rig.advance(1000);
  const transport = {
    transport: "rc",
    connection: "established",
    "rc_qpn": rcQp(b).qpn,
    "rc_mtu": 65_520,
    "rc_age_ms": 1000,
  } as const;
  assertEquals(run(a, "path.show")[0]!.peers, [
    { qpn: b.link.qpn, ...transport },
  ]);
  assertEquals([row().transport, row().rc_qpn], ["rc", rcQp(b).qpn]);
  assertEquals(
    [run(a, "link.show")[0]!.connections, run(b, "link.show")[0]!.connections],
    [{ active: 1, passive: 0 }, { active: 0, passive: 1 }],
  );
  assertEquals(run(a, "stats")[0]!.counters.connections_opened, 1);
  a.link.connected.setMode("datagram");
  assertEquals([row().transport, row().connection], ["ud", undefined]);
  assertEquals(run(a, "path.show")[0]!.peers, undefined);
});
