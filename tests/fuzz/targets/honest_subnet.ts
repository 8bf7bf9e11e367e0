/** A subnet in memory with two ports that follow the protocol. Fuzzed ports must not affect them. */

import { assert, assertEquals } from "@std/assert";
import {
  broadcastJoin,
  groupJoin,
  groupLeave,
} from "../../../src/sa/requests.ts";
import type { SaResult } from "../../../src/sa/result.ts";
import { defaultPartitions } from "../../../src/subnet/partitions.ts";
import { formatGid } from "../../../src/wire/gid.ts";
import { broadcastMgid, ipv4Mgid } from "../../../src/wire/mgid.ts";
import type { McMemberRecord } from "../../../src/wire/sa/mc_member_record.ts";
import type { PathRecord } from "../../../src/wire/sa/path_record.ts";
import { Rig, type RigPort } from "../../subnet/rig.ts";

const PKEY = 0xffff;
/** 224.1.2.3. */
const GROUP = 0xe0010203 | 0;
/** Clock advance for each input. */
const TURN_MS = 10;
/** Longer than all retries of a request. */
const ANSWER_TIMEOUT_MS = 60_000;

export class HonestSubnet {
  readonly rig = new Rig({ subnetMtu: 2048 });
  readonly ports: readonly [RigPort, RigPort];

  constructor() {
    this.ports = [this.rig.join(1), this.rig.join(2)];
  }

  /** Delivers pending messages and advances the clock by TURN_MS. */
  turn(): void {
    this.rig.pump();
    this.rig.advance(TURN_MS);
    this.rig.log.length = 0;
    for (const port of this.rig.ports.values()) {
      // Tests read only the first message, the welcome.
      if (port.messages.length > 64) port.messages.splice(1, 48);
      port.mads.length = 0;
      port.notices.length = 0;
    }
  }

  restorePartitions(): void {
    const { rig } = this;
    rig.manager.reload(defaultPartitions(), rig.clock.now());
    rig.pump();
  }

  /**
   * Asserts that one port obtains a path to the other, creates a group and leaves it, and that both ports have the
   * manager's forwarding entries.
   */
  check(): void {
    const { rig, ports: [a, b] } = this;
    rig.advance(ANSWER_TIMEOUT_MS);
    const path = a.ask<PathRecord>((now, callback) =>
      a.client.queryPath(
        { sgid: a.gid, dgid: b.gid, pkey: PKEY, tclass: 0 },
        now,
        callback,
      )
    );
    assertAnswered("path", path);
    const snapshot = rig.snapshot;
    // clear() also removes the packet faults that a port brought.
    rig.manager.faults.clear();
    rig.pump();
    assertEquals(rig.manager.faults.settings.rules, []);
    const lidOf = (port: RigPort) =>
      snapshot.ports.find(({ guid }) => guid === port.welcome.guid)!.lid;
    assertEquals(path.record.dlid, lidOf(b));
    // An input may have created the first groups with other parameters, so use one that does not exist.
    let group = GROUP;
    const groupMgid = () => ipv4Mgid(group, broadcastMgid(PKEY));
    const taken = new Set(snapshot.groups.map(({ mgid }) => mgid));
    while (taken.has(formatGid(groupMgid()))) group++;
    const mgid = groupMgid();
    // Create the group with the parameters of the broadcast group, as ib_ipoib does.
    const broadcast = a.ask<McMemberRecord>((now, callback) =>
      a.client.join(
        broadcastJoin(broadcastMgid(PKEY), a.gid, PKEY),
        now,
        callback,
      )
    );
    assertAnswered("broadcast join", broadcast);
    const joined = a.ask<McMemberRecord>((now, callback) =>
      a.client.join(groupJoin(mgid, a.gid, broadcast.record), now, callback)
    );
    assertAnswered("join", joined);
    const left = a.ask<McMemberRecord>((now, callback) =>
      a.client.leave(groupLeave(mgid, a.gid, 1), now, callback)
    );
    assertAnswered("leave", left);
    const active = snapshot.ports.filter(({ state }) => state === "active");
    assertEquals(new Set(active.map(({ lid }) => lid)).size, active.length);
    for (const port of [a, b]) {
      const known = [...port.lids].map(([lid, guid]) => `${lid} ${guid}`);
      const expected = active.map(({ lid, guid }) => `${lid} ${guid}`);
      for (const each of expected) {
        assert(known.includes(each), `${each} in ${known}`);
      }
    }
  }
}

function assertAnswered<T>(
  what: string,
  result: SaResult<T> | undefined,
): asserts result is { ok: true; record: T } {
  if (result?.ok) return;
  const why = result
    ? `status ${result.status}, errno ${result.errno}`
    : "no answer";
  assert(false, `the ${what} failed: ${why}`);
}
