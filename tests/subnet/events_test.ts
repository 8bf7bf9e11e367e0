/** The events of a subnet manager. */

import { assert, assertEquals } from "@std/assert";
import { groupJoin } from "../../src/sa/requests.ts";
import { parsePartitionsConf } from "../../src/subnet/partitions_conf.ts";
import { McMemberRecord } from "../../src/wire/sa/mc_member_record.ts";
import { broadcastMgid } from "../../src/wire/mgid.ts";
import { guidOf, Rig } from "./rig.ts";

/** Returns a subnet that records its events as text in `events`. */
function recorded() {
  const events: string[] = [];
  const rig = new Rig({
    record: (event, details) => {
      const { subject, old = "", new: now = "", cause = "" } = details();
      events.push(`${event} ${subject}: ${old} -> ${now}; ${cause}`);
    },
  });
  return { rig, events };
}

Deno.test("ports that register and end, and operations on them, have events", () => {
  const { rig, events } = recorded();
  const port = rig.join(1);
  const name = events.at(-1)!.match(/port \S+ \(\S+\)/)![0];
  assert(events.some((each) => each.startsWith(`member ${name}:  -> lid 0x`)));
  events.length = 0;
  const guid = BigInt(guidOf(1));
  rig.manager.setPortState(guid, "down", 0);
  rig.manager.setPortState(guid, "active", 0);
  rig.manager.moveLid(guid, 0x50, 0);
  rig.manager.setPkeys(guid, [0xffff], 0);
  rig.manager.reregister("all");
  rig.manager.faults.set({ seed: 1, drop: 5 });
  rig.manager.faults.clear();
  rig.manager.reload(
    parsePartitionsConf("Default=0x7fff, ipoib : ALL=full ;", "test")
      .partitions,
    0,
  );
  const subjects = events.map((each) => each.replace(name, "P"));
  assertEquals(subjects.filter((each) => !/^(group|lid)/.test(each)), [
    "port P: active -> down; requested",
    "port P: down -> active; requested",
    "pkeys P: 0xffff,0x8001,0x8002 -> 0xffff; requested",
    "reregister all ports:  -> ; requested",
    "fault all ports:  -> set; requested",
    "fault all ports:  -> none; requested",
    "partitions partitions:  -> 1; reload",
  ]);
  assert(subjects.some((each) => /^lid P: 0x\w+ -> 0x0050; /.test(each)));
  events.length = 0;
  rig.manager.disconnect(port.connection, 0);
  const [end] = events;
  assertEquals(
    end!.replace(name, "P"),
    "member P: lid 0x0050 -> ; the connection to its process has ended",
  );
});

Deno.test("a refused join has an event with the group, the port and the reason", () => {
  const { rig, events } = recorded();
  const port = rig.join(1);
  events.length = 0;
  const link = McMemberRecord.of({
    pkey: 0xffff,
    qkey: 0x1234,
    mtu: 4,
    rate: 3,
  });
  port.ask<McMemberRecord>((now, done) =>
    port.client.join(
      groupJoin(broadcastMgid(0xffff), port.gid, link),
      now,
      done,
    )
  );
  const [refused] = events.filter((each) => each.startsWith("refused"));
  assert(
    /^refused ff12:401b:ffff::ffff:ffff: .*join by port 0x/.test(refused!),
  );
});
