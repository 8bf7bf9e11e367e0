/**
 * Several interfaces on one P_Key of a port, whose memberships the administrator keeps as one: after any history the port
 * is a member of the groups that an interface has joined, and of no others.
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { groupLeave } from "../../../src/sa/requests.ts";
import { formatGid } from "../../../src/wire/gid.ts";
import { ipv4Mgid } from "../../../src/wire/mgid.ts";
import { JoinState } from "../../../src/wire/sa/mc_member_record.ts";
import { type Host, ip, ipv4Frame, Rig } from "../rig.ts";

const PKEY = 0x8001;
const CHILDREN = 3;
/** Longer than the time limit of a join, and than that of a leave with its repetitions. */
const JOIN_LIMIT_MS = 3400;
/** Longer than all retries, and than the life of an idle send-only group. */
const QUIET_MS = 130_000;

/** A host whose children are on one P_Key, and the log of the subnet manager. */
class Children {
  readonly log: string[] = [];
  readonly rig = new Rig({ log: (_level, text) => this.log.push(text) });
  readonly host: Host = this.rig.pair()[0];

  constructor() {
    for (let i = 0; i < CHILDREN; i++) {
      const child = this.host.device.addChild(`child${i}`, PKEY);
      child.netdev.change({ up: true });
      this.host.netdevs[i + 1]!.config.addAddress(ip(`10.1.0.${i + 1}`), 24);
    }
    this.rig.settle();
  }

  get manager() {
    return this.rig.subnet!.manager;
  }

  /** The join states by MGID that the interfaces have joined. */
  joined(): [string, number][] {
    const all = new Map<string, number>();
    for (const { groups } of this.host.device.interfaces()) {
      for (const { mgid, sendOnly, progress } of groups.entries()) {
        if (progress !== "joined") continue;
        const state = sendOnly
          ? JoinState.SendOnlyFullMember
          : JoinState.FullMember;
        const key = formatGid(mgid);
        all.set(key, (all.get(key) ?? 0) | state);
      }
    }
    return [...all].sort();
  }

  /** The join states by MGID that the administrator has for the port. */
  members(): [string, number][] {
    const { lid } = this.host.port.attributes;
    return this.manager.snapshot().groups.flatMap(({ mgid, members }) =>
      members.filter((member) => member.lid === lid)
        .map(({ joinState }): [string, number] => [mgid, joinState])
    ).sort();
  }

  /** The leaves that the administrator has refused. */
  refused(): string[] {
    return this.log.filter((text) => text.includes(", leave "));
  }
}

const step = fc.record({
  what: fc.constantFrom(
    ...["up", "down", "join", "leave", "send", "wait", "expire"] as const,
  ),
  child: fc.nat(CHILDREN - 1),
  group: fc.constantFrom("239.1.1.1", "239.1.1.2"),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function perform(subject: Children, { what, child, group }: Step): void {
  const { rig, host } = subject;
  const netdev = host.netdevs[child + 1]!;
  if (what === "up" || what === "down") netdev.change({ up: what === "up" });
  else if (what === "join") netdev.config.join(ip(group));
  else if (what === "leave") netdev.config.leave(ip(group));
  else if (what === "send") {
    netdev.send(ipv4Frame(`10.1.0.${child + 1}`, group));
  } else rig.advance(what === "wait" ? 500 : QUIET_MS);
  rig.settle();
}

Deno.test("the administrator has the groups that the children of one P_Key have joined, at any time, and refuses no leave", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const subject = new Children();
      for (const each of steps) {
        perform(subject, each);
        assertEquals(subject.members(), subject.joined());
      }
      assertEquals(subject.refused(), []);
      subject.rig.check();
    }),
    { numRuns: 60 },
  );
});

const disturbance = fc.constantFrom(
  ...["requests lost", "responses lost", "port down", "port active"] as const,
  ...["no P_Key", "P_Key", "register again", "join limit"] as const,
);
type Disturbance = typeof disturbance extends fc.Arbitrary<infer T> ? T : never;

/** A subject whose administrator is not reachable for some time, shorter than the retries of a leave last. */
class Disturbed extends Children {
  #since = Infinity;

  disturb(what: Disturbance): void {
    const { rig, manager } = this;
    const guid = this.host.port.attributes.portGuid;
    const now = rig.reactor.clock.now();
    if (what === "requests lost") this.#lose("manager");
    else if (what === "responses lost") this.#lose("port");
    else if (what === "join limit") rig.advance(JOIN_LIMIT_MS);
    else if (what === "register again") manager.reregister(guid);
    else if (what === "no P_Key") manager.setPkeys(guid, [0xffff], now);
    else if (what === "P_Key") manager.setPkeys(guid, undefined, now);
    else {
      const state = what === "port down" ? "down" : "active";
      manager.setPortState(guid, state, now);
    }
    rig.settle();
  }

  /** Ends the losses. */
  hear(): void {
    this.rig.subnet!.lose = () => false;
    this.#since = Infinity;
  }

  /** Ends losses that have lasted long. */
  limit(): void {
    const now = this.rig.reactor.clock.now();
    if (now - this.#since > 2 * JOIN_LIMIT_MS) this.hear();
  }

  #lose(lost: "manager" | "port"): void {
    this.rig.subnet!.lose = (_mad, towards) => towards === lost;
    this.#since = Math.min(this.#since, this.rig.reactor.clock.now());
  }
}

Deno.test("after lost requests and responses and events of the port, the administrator has the groups that are joined", () => {
  const history = fc.array(fc.oneof(step, disturbance), { maxLength: 30 });
  fc.assert(
    fc.property(history, (steps) => {
      const subject = new Disturbed();
      for (const each of steps) {
        subject.limit();
        if (typeof each === "string") subject.disturb(each);
        else {
          if (each.what === "expire") subject.hear();
          perform(subject, each);
        }
      }
      subject.hear();
      subject.disturb("P_Key");
      subject.disturb("port active");
      subject.rig.advance(QUIET_MS);
      assertEquals(subject.members(), subject.joined());
      subject.rig.check();
    }),
    { numRuns: 60 },
  );
});

Deno.test("a send-only group whose join was processed, but not answered, is left when it is idle", () => {
  const subject = new Children();
  const { rig, host } = subject;
  rig.subnet!.lose = (_mad, towards) => towards === "port";
  host.netdevs[1]!.send(ipv4Frame("10.1.0.1", "239.1.1.1"));
  rig.advance(4 * JOIN_LIMIT_MS);
  rig.subnet!.lose = () => false;
  const before = subject.members().length;
  rig.advance(QUIET_MS);
  assertEquals(subject.members().length, before - 1);
  assertEquals(subject.members(), subject.joined());
});

Deno.test("a leave of a membership that the administrator has ended is refused and logged once, and counted", () => {
  const subject = new Children();
  const { rig, host } = subject;
  host.netdevs[1]!.config.join(ip("239.1.1.1"));
  rig.settle();
  const { sa, memberships, port, device } = host;
  const { broadcastMgid } = device.children[0]!.interface;
  const mgid = ipv4Mgid(ip("239.1.1.1"), broadcastMgid);
  const leave = groupLeave(mgid, port.attributes.gid, JoinState.FullMember);
  // Another program on the port leaves the group.
  sa.leave(leave, rig.reactor.clock.now(), () => {});
  rig.settle();
  host.netdevs[1]!.config.leave(ip("239.1.1.1"));
  rig.settle();
  assertEquals([subject.refused().length, memberships.counters()], [1, {
    leaves_withheld: 0,
    leaves_given_up: 0,
    leaves_refused: 1,
    leaves_unsent: 0,
  }]);
});
