import { assertEquals } from "@std/assert";
import {
  MAX_LEAVES,
  MAX_WITHHELD,
  PortMemberships,
} from "../../src/sa/port_memberships.ts";
import type {
  Membership,
  OtherHolders,
  Others,
} from "../../src/sa/other_holders.ts";
import type { MembershipRequest } from "../../src/sa/requests.ts";
import type { SaCallback, SaRequest } from "../../src/sa/result.ts";
import {
  JoinState,
  McMemberRecord,
} from "../../src/wire/sa/mc_member_record.ts";

function request(last: number, joinState: number): MembershipRequest {
  const mgid = new Uint8Array(16);
  mgid[15] = last;
  return { record: McMemberRecord.of({ mgid, joinState }), mask: 0n };
}

/** An administrator that answers when it is told to. */
class Script {
  readonly calls: string[] = [];
  readonly answers: ((ok: boolean) => void)[] = [];
  readonly memberships: PortMemberships;

  constructor(others?: OtherHolders) {
    const call = (name: string) =>
    (
      { record }: MembershipRequest,
      _now: number,
      callback: SaCallback<McMemberRecord>,
    ): SaRequest => {
      const title = `${name} ${record.mgid[15]}`;
      this.calls.push(title);
      this.answers.push((ok) =>
        callback(ok ? { ok, record } : { ok, errno: 22, status: 0x200 }, 0)
      );
      return { cancel: () => this.calls.push(`cancel ${title}`) };
    };
    this.memberships = new PortMemberships({
      join: call("join"),
      leave: call("leave"),
      get: call("get"),
    }, others);
  }
}

const full = request(1, JoinState.FullMember);

Deno.test("PortMemberships.leave() is the last holder's", () => {
  const { memberships, calls } = new Script();
  const [a, b] = [{}, {}];
  memberships.join(a, full, 0, () => {});
  memberships.join(b, full, 0, () => {});
  memberships.join(a, full, 0, () => {});
  memberships.leave(a, full, 0);
  memberships.leave(a, full, 0);
  assertEquals(calls, ["join 1", "join 1", "join 1"]);
  memberships.leave(b, full, 0);
  assertEquals(calls.at(-1), "leave 1");
});

Deno.test("PortMemberships counts each kind of join and each group by itself", () => {
  const { memberships, calls } = new Script();
  const [a, b] = [{}, {}];
  const sendOnly = request(1, JoinState.SendOnlyNonMember);
  memberships.join(a, full, 0, () => {});
  memberships.join(b, sendOnly, 0, () => {});
  memberships.join(b, request(2, JoinState.FullMember), 0, () => {});
  memberships.leave(a, full, 0);
  memberships.leave(b, sendOnly, 0);
  assertEquals(calls.slice(3), ["leave 1", "leave 1"]);
});

Deno.test("a join that was refused holds nothing", () => {
  const { memberships, calls, answers } = new Script();
  const [a, b] = [{}, {}];
  memberships.join(a, full, 0, () => {});
  memberships.join(b, full, 0, () => {});
  answers[1]!(false);
  memberships.leave(a, full, 0);
  assertEquals(calls.slice(2), ["leave 1"]);
});

Deno.test("a leave under way ends with the next join of its group, whoever asks", () => {
  const { memberships, calls, answers } = new Script();
  const [a, b] = [{}, {}];
  memberships.join(a, full, 0, () => {});
  memberships.leave(a, full, 0);
  memberships.join(b, full, 0, () => {});
  assertEquals(calls, ["join 1", "leave 1", "cancel leave 1", "join 1"]);
  memberships.leave(b, full, 0);
  answers.at(-1)!(true);
  memberships.join(a, full, 0, () => {});
  assertEquals(calls.slice(4), ["leave 1", "join 1"]);
});

/** Others on the port, as the test says, and what they were told. */
class FakeHolders implements OtherHolders {
  others: Others = "none";
  readonly told: string[] = [];

  hold({ mgid }: Membership): void {
    this.told.push(`hold ${mgid[15]}`);
  }
  tryLeave({ mgid }: Membership): Others {
    this.told.push(`leave ${mgid[15]}`);
    return this.others;
  }
  free({ mgid }: Membership): void {
    this.told.push(`free ${mgid[15]}`);
  }
}

Deno.test("a membership is held from the join until its leave was answered", () => {
  const others = new FakeHolders();
  const { memberships, answers } = new Script(others);
  const [a, b] = [{}, {}];
  memberships.join(a, full, 0, () => {});
  memberships.join(b, full, 0, () => {});
  memberships.leave(a, full, 0);
  memberships.leave(b, full, 0);
  assertEquals(others.told, ["hold 1", "leave 1"]);
  answers.at(-1)!(true);
  assertEquals(others.told.slice(2), ["free 1"]);
  // A refused join holds nothing; a join ends a leave.
  memberships.join(a, full, 0, () => {});
  answers.at(-1)!(false);
  memberships.leave(a, full, 0);
  memberships.join(a, full, 0, () => {});
  assertEquals(others.told.slice(3), [
    ...["hold 1", "free 1"],
    ...["leave 1", "free 1", "hold 1"],
  ]);
});

Deno.test("a group that another process holds is not left, now or later", () => {
  const others = new FakeHolders();
  const { memberships, calls } = new Script(others);
  others.others = "process";
  memberships.join(others, full, 0, () => {});
  memberships.leave(others, full, 0);
  others.others = "none";
  memberships.leaveWithheld(0);
  assertEquals(calls, ["join 1"]);
  assertEquals(memberships.counters(), {
    leaves_withheld: 1,
    leaves_given_up: 0,
  });
});

Deno.test("a group that the kernel may hold is left when its interface is gone, unless it is wanted again", () => {
  const others = new FakeHolders();
  const { memberships, calls } = new Script(others);
  const two = request(2, JoinState.FullMember);
  others.others = "kernel";
  for (const each of [full, two]) {
    memberships.join(others, each, 0, () => {});
    memberships.leave(others, each, 0);
  }
  memberships.leaveWithheld(0);
  assertEquals(calls, ["join 1", "join 2"]);
  memberships.join(others, two, 0, () => {});
  others.others = "none";
  memberships.leaveWithheld(0);
  memberships.leaveWithheld(0);
  assertEquals(calls.slice(2), ["join 2", "leave 1"]);
});

Deno.test("the number of groups that are not left for the kernel's sake is bounded, and so is that of leaves under way", () => {
  const others = new FakeHolders();
  const { memberships, calls } = new Script(others);
  const numbered = (i: number) => {
    const each = request(i & 0xff, JoinState.FullMember);
    each.record.mgid[14] = i >> 8;
    return each;
  };
  others.others = "kernel";
  for (let i = 0; i < MAX_WITHHELD + 3; i++) {
    memberships.leave(others, numbered(i), 0);
  }
  assertEquals(calls, ["leave 0", "leave 1", "leave 2"]);
  others.others = "none";
  for (let i = 0; i < MAX_LEAVES; i++) {
    memberships.leave(others, numbered(0x4000 + i), 0);
  }
  assertEquals(
    calls.filter((call) => call.startsWith("cancel")),
    ["cancel leave 0", "cancel leave 1", "cancel leave 2"],
  );
  assertEquals(memberships.counters().leaves_given_up, 3);
});
