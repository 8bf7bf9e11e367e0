/** Which processes have the same options, so that the settings of a killed process are restored. */

import { assertEquals, assertNotEquals } from "@std/assert";
import { createEventFd } from "../../../src/system/event_fd.ts";
import type { UpOptions } from "../../../src/ipc/up_options.ts";
import { settledChoice } from "../../../src/daemon/choose_hca.ts";
import {
  closeDescriptors,
  keepingOf,
} from "../../../src/daemon/restart/keeping.ts";
import { manager, received } from "../../system/notify_socket.ts";

const options: UpOptions = {
  ...{ names: ["ib0"], pkeyIndex: 0, mode: "datagram", io: "auto" },
  ...{ memberships: "auto", nextHops: "auto", log: "info", roce: false },
  ...{ hca: { kind: "soft", subnet: "default" }, background: false },
};

function command(changed: Partial<UpOptions>): readonly string[] {
  return keepingOf({ ...options, ...changed }, undefined, new Map()).command;
}

Deno.test("options that say how a process runs are not changed options of the interfaces", () => {
  const same = [
    { background: true },
    { persist: true },
    { timeoutS: 8 },
    { logFile: "/tmp/ib0.log" },
  ];
  for (const changed of same) assertEquals(command(changed), command({}));
  assertNotEquals(command({ mtu: 1400 }), command({}));
  assertNotEquals(command({ config: "/etc/ipoib/ib0.conf" }), command({}));
});

Deno.test("a process that has taken over has the same options as the first one", () => {
  const hcas = { kind: "soft", subnet: "default", notice: undefined } as const;
  const first = settledChoice({ kind: "auto" }, hcas);
  assertEquals(first, { kind: "soft", subnet: "default" });
  assertEquals(settledChoice(first, hcas), first);
  const verbs = {
    kind: "verbs",
    ports: [{ kind: "verbs", device: "mlx5_0", port: 1 }],
  } as const;
  assertEquals(settledChoice({ kind: "auto" }, verbs), { kind: "auto" });
});

Deno.test("--persist keeps the devices also under a service manager, whose store keeps them otherwise", () => {
  const keeper = (persist: boolean, socket?: string) =>
    keepingOf({ ...options, persist }, socket, new Map()).keeper;
  assertEquals(keeper(false), "none");
  assertEquals(keeper(false, "/run/notify"), "store");
  assertEquals(keeper(true, "/run/notify"), "persist");
});

/** Closes a descriptor that no interface has taken. Returns the message that the service manager receives, if any. */
async function close(all: boolean): Promise<string | undefined> {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/notify`;
  try {
    using socket = manager(path);
    const fd = createEventFd();
    const descriptors = new Map([["ib1.7", fd]]);
    closeDescriptors(keepingOf(options, path, descriptors), all);
    assertEquals([fd.number, descriptors.size], [-1, 0]);
    return received(socket);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("a descriptor that no interface has taken leaves the store only if all interfaces were created", async () => {
  assertEquals(await close(true), "FDSTOREREMOVE=1\nFDNAME=ib1.7");
  // It may belong to the interface that was not created.
  assertEquals(await close(false), undefined);
});
