/** Which ends of a process leave the record of its interface for the next one. */

import { assertEquals, assertNotEquals } from "@std/assert";
import type { EndReason } from "../../../src/daemon/interface_group.ts";
import { KeptInterface } from "../../../src/daemon/restart/kept_interface.ts";
import {
  StateFile,
  statePath,
} from "../../../src/daemon/restart/state_file.ts";
import type { KeeperKind } from "../../../src/netdev/tap/keeper.ts";
import { saved } from "./records.ts";

const REASONS: readonly EndReason[] = [
  ...["down", "signal", "failure", "not started"] as const,
  ...["handed over", "not taken over"] as const,
];

/** How far the start of the process came before it ended. */
type Progress = "nothing" | "record read" | "started";

/** Returns true if the record of an earlier process is left, and what close() returned. */
async function end(
  keeper: KeeperKind,
  progress: Progress,
  reason: EndReason,
): Promise<[file: boolean, kept: boolean]> {
  const directory = await Deno.makeTempDir();
  try {
    const file = new StateFile(statePath(directory, "ib0"), "ib0", ["up"]);
    await file.write(saved);
    const kept = new KeptInterface(
      directory,
      "ib0",
      { keeper, notifySocket: undefined, command: [], descriptors: new Map() },
      () => Promise.resolve(saved),
    );
    if (progress !== "nothing") kept.left();
    if (progress === "started") kept.started();
    const outlives = await kept.close(reason);
    return [file.read() !== undefined, outlives];
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("a process that ends before it has its devices leaves what an earlier one has left", async () => {
  for (const keeper of ["none", "store", "persist"] as const) {
    for (const progress of ["nothing", "record read"] as const) {
      for (const reason of REASONS) {
        const name = `${keeper}, ${progress}, ${reason}`;
        assertEquals(await end(keeper, progress, reason), [true, true], name);
      }
    }
  }
});

Deno.test("the record is that of an earlier process until this one has the devices", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const path = statePath(directory, "ib0");
    await new StateFile(path, "ib0", ["up"]).write(saved);
    const read = () => Deno.readTextFileSync(path);
    const earlier = read();
    const later = { ...saved, children: [] };
    const kept = new KeptInterface(
      ...[directory, "ib0"] as const,
      {
        ...{ keeper: "persist", notifySocket: undefined } as const,
        ...{ command: ["up"], descriptors: new Map() },
      },
      () => Promise.resolve(later),
    );
    await kept.save();
    assertEquals(read(), earlier);
    kept.started();
    await kept.save();
    assertNotEquals(read(), earlier);
    assertEquals(JSON.parse(read()).interface, later);
    await kept.close("failure");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("a signal ends interfaces that the process keeps itself, and leaves those that a service manager keeps", async () => {
  const ends = async (reason: EndReason) =>
    Object.fromEntries(
      await Promise.all(
        (["none", "store", "persist"] as const).map(async (keeper) => {
          const [file, kept] = await end(keeper, "started", reason);
          return [keeper, file && kept];
        }),
      ),
    );
  const [none, all] = [false, true];
  assertEquals(await ends("down"), { none, store: none, persist: none });
  assertEquals(await ends("signal"), { none, store: all, persist: none });
  assertEquals(await ends("failure"), { none, store: all, persist: all });
});
