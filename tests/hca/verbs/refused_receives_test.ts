/** What becomes of the connections if the device refuses to take receive buffers. */

import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { IpoibError } from "../../../src/base/errors.ts";
import { configureLog } from "../../../src/base/log.ts";
import { ENOMEM } from "../../system/errno_values.ts";
import { ConnectionsRig as Rig, DATAGRAM_BUFFERS } from "./connections_rig.ts";

Deno.test("a shared receive queue that refuses a buffer fails all connections, is logged, and is created again", () => {
  using rig = new Rig(1000);
  const lines: string[] = [];
  configureLog("info", { write: (line) => lines.push(line) });
  const failures = rig.connectTwo();
  rig.refuseReceive(1);
  configureLog("silent");
  rig.table.reportFailures();
  assertEquals(failures, ["local_error", "local_error"]);
  assertEquals(lines.length, 1);
  assertStringIncludes(
    lines[0]!,
    "The device refuses receive buffers of connections: Cannot allocate memory",
  );
  rig.wait();
  assertEquals(rig.calls.slice(3), ["destroy qp", "destroy qp", "destroy srq"]);
  rig.connect();
  rig.receives.repost();
  assertEquals(rig.receives.outstanding, DATAGRAM_BUFFERS + 128);
  assert(rig.counts);
});

Deno.test("a shared receive queue that refuses a buffer without connections is created again with the next one", () => {
  using rig = new Rig(1000);
  rig.connections.create(0).close();
  rig.calls.length = 0;
  rig.refuseReceive(1);
  rig.connect();
  assertEquals(rig.calls, ["destroy srq", "create srq 128", "create qp"]);
  assert(rig.counts);
});

Deno.test("a queue pair that refuses one of its own receive buffers fails", () => {
  using rig = new Rig(0);
  const failed: number[] = [];
  const ends = [rig.connect(), rig.connect()];
  for (const end of ends) end.onFailure = () => failed.push(end.qpn);
  rig.refuseReceive(2);
  rig.table.reportFailures();
  assertEquals(failed, [ends[1]!.qpn]);
});

Deno.test("create() throws E_QP if the device refuses the receive buffers, and can be repeated", () => {
  for (const sharedReceives of [1000, 0]) {
    using rig = new Rig(sharedReceives);
    rig.verbs.accepts = 3;
    const { code, errno } = assertThrows(
      () => rig.connections.create(0),
      IpoibError,
    );
    assertEquals([code, errno], ["E_QP", ENOMEM]);
    assertEquals(rig.polls, 1, "the memory of the buffers is to be closed");
    assertEquals(rig.calls.at(-1)!.slice(0, 7), "destroy");
    rig.receives.repost();
    assertEquals(rig.receives.freeSet(), 1);
    rig.verbs.accepts = Infinity;
    rig.connect();
    assertEquals(
      rig.receives.outstanding,
      DATAGRAM_BUFFERS + (sharedReceives > 0 ? 128 : 16),
    );
    assert(rig.counts);
  }
});
