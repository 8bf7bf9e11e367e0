import { assert, assertEquals } from "@std/assert";
import { namespaceHolder } from "../../src/daemon/namespace_holder.ts";
import { capabilitiesOf, RIGHTS } from "../../src/daemon/rights.ts";
import { Capability } from "../../src/system/capability.ts";

const { NetAdmin, SysAdmin, Bpf, PerfMon, NetRaw, IpcLock } = Capability;

Deno.test("capabilitiesOf() depends on the HCA and the source of next hops", () => {
  const soft = { hca: "soft", nextHops: "routes" } as const;
  assertEquals(capabilitiesOf(soft), [NetAdmin, SysAdmin]);
  assertEquals(capabilitiesOf({ ...soft, nextHops: "auto" }), [
    ...[NetAdmin, SysAdmin, Bpf, PerfMon],
  ]);
  const verbs = { hca: "verbs", nextHops: "program" } as const;
  assertEquals(capabilitiesOf(verbs), [
    ...[NetAdmin, SysAdmin, Bpf, PerfMon, NetRaw, IpcLock],
  ]);
  assertEquals(capabilitiesOf(verbs, "main"), [NetAdmin]);
});

Deno.test("every entry of RIGHTS has a reason and includes the data worker", () => {
  for (const { reason, threads } of RIGHTS) {
    assert(reason.length > 0);
    assert(threads.includes("data"));
  }
});

Deno.test("namespaceHolder() returns the process of a PID or of a path below /proc/PID", () => {
  const { pid } = Deno;
  for (const spec of [`${pid}`, `/proc/${pid}/ns/net`, `/proc/${pid}/fd/3`]) {
    using holder = namespaceHolder(spec);
    assertEquals(holder?.pid, pid);
  }
  for (const spec of [undefined, "h1", "/run/netns/h1", "/proc/self/ns/net"]) {
    assertEquals(namespaceHolder(spec), undefined);
  }
});
