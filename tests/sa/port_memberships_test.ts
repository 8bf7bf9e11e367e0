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

/** Memberships over an SA client that records its calls and completes a request when the test calls `answers`. */
class FakeClient {
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

Deno.test("PortMemberships.leave() leaves the group for the last holder only", () => {
  const { memberships, calls } = new FakeClient();
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

Deno.test("PortMemberships counts holders separately for each join state and group", () => {
  const { memberships, calls } = new FakeClient();
  const [a, b] = [{}, {}];
  const sendOnly = request(1, JoinState.SendOnlyNonMember);
  memberships.join(a, full, 0, () => {});
  memberships.join(b, sendOnly, 0, () => {});
  memberships.join(b, request(2, JoinState.FullMember), 0, () => {});
  memberships.leave(a, full, 0);
  memberships.leave(b, sendOnly, 0);
  assertEquals(calls.slice(3), ["leave 1", "leave 1"]);
});

Deno.test("a refused join does not hold the membership", () => {
  const { memberships, calls, answers } = new FakeClient();
  const [a, b] = [{}, {}];
  memberships.join(a, full, 0, () => {});
  memberships.join(b, full, 0, () => {});
  answers[1]!(false);
  memberships.leave(a, full, 0);
  assertEquals(calls.slice(2), ["leave 1"]);
});

Deno.test("a holder whose repeated join fails keeps the membership until it leaves", () => {
  const others = new FakeHolders();
  const { memberships, calls, answers } = new FakeClient(others);
  const [a, b] = [{}, {}];
  for (const each of [a, b]) {
    memberships.join(each, full, 0, () => {});
    answers.at(-1)!(true);
  }
  memberships.join(a, full, 0, () => {});
  answers.at(-1)!(false);
  memberships.leave(b, full, 0);
  assertEquals([calls.length, others.calls], [3, ["hold 1"]]);
  memberships.leave(a, full, 0);
  assertEquals(calls.at(-1), "leave 1");
});

Deno.test("a first join that is repeated before its answer, and refused, does not hold the membership", () => {
  const { memberships, calls, answers } = new FakeClient();
  const [a, b] = [{}, {}];
  memberships.join(a, full, 0, () => {}).cancel();
  memberships.join(a, full, 0, () => {});
  answers.at(-1)!(false);
  memberships.join(b, full, 0, () => {});
  answers.at(-1)!(true);
  memberships.leave(b, full, 0);
  assertEquals(calls.at(-1), "leave 1");
});

Deno.test("a group whose last holder leaves beside pending joins is left when they have all failed", () => {
  const others = new FakeHolders();
  const { memberships, calls, answers } = new FakeClient(others);
  const [a, b, c] = [{}, {}, {}];
  memberships.join(a, full, 0, () => {});
  answers[0]!(true);
  memberships.join(b, full, 0, () => {});
  memberships.join(c, full, 0, () => {});
  memberships.leave(a, full, 0);
  answers[1]!(false);
  assertEquals(calls.length, 3);
  answers[2]!(false);
  assertEquals([calls.slice(3), others.calls], [
    ["leave 1"],
    ["hold 1", "leave 1"],
  ]);
});

Deno.test("a group is not left when a pending join fails beside or after another that succeeds", () => {
  const { memberships, calls, answers } = new FakeClient();
  const [a, b] = [{}, {}];
  memberships.join(a, full, 0, () => {});
  answers[0]!(true);
  memberships.join(b, full, 0, () => {});
  memberships.leave(a, full, 0);
  answers[1]!(true);
  // The port registers again, and the new join is not answered: the interface tries again, and uses the group meanwhile.
  memberships.join(b, full, 0, () => {});
  answers[2]!(false);
  assertEquals(calls, ["join 1", "join 1", "join 1"]);
  memberships.leave(b, full, 0);
  assertEquals(calls.slice(3), ["leave 1"]);
});

Deno.test("a leave that the administrator refuses is counted, and does not affect the next join", () => {
  const others = new FakeHolders();
  const { memberships, calls, answers } = new FakeClient(others);
  const holder = {};
  memberships.leave(holder, full, 0);
  answers[0]!(false);
  assertEquals(memberships.counters().leaves_refused, 1);
  memberships.join(holder, full, 0, () => {});
  assertEquals(calls, ["leave 1", "join 1"]);
  assertEquals(others.calls, ["leave 1", "free 1", "hold 1"]);
});

Deno.test("a join by any holder cancels the pending leave of its group", () => {
  const { memberships, calls, answers } = new FakeClient();
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

/** Other holders that the test sets, with a record of the calls. */
class FakeHolders implements OtherHolders {
  others: Others = "none";
  readonly calls: string[] = [];

  hold({ mgid }: Membership): void {
    this.calls.push(`hold ${mgid[15]}`);
  }
  tryLeave({ mgid }: Membership): Others {
    this.calls.push(`leave ${mgid[15]}`);
    return this.others;
  }
  free({ mgid }: Membership): void {
    this.calls.push(`free ${mgid[15]}`);
  }
}

Deno.test("a membership is held from the join to the response to its leave", () => {
  const others = new FakeHolders();
  const { memberships, answers } = new FakeClient(others);
  const [a, b] = [{}, {}];
  memberships.join(a, full, 0, () => {});
  memberships.join(b, full, 0, () => {});
  memberships.leave(a, full, 0);
  memberships.leave(b, full, 0);
  assertEquals(others.calls, ["hold 1", "leave 1"]);
  answers.at(-1)!(true);
  assertEquals(others.calls.slice(2), ["free 1"]);
  // A refused join frees the hold; a join ends the claim of a pending leave.
  memberships.join(a, full, 0, () => {});
  answers.at(-1)!(false);
  memberships.leave(a, full, 0);
  memberships.join(a, full, 0, () => {});
  assertEquals(others.calls.slice(3), [
    ...["hold 1", "free 1"],
    ...["leave 1", "free 1", "hold 1"],
  ]);
});

Deno.test("no leave is sent, at once or later, for a group that another process holds", () => {
  const others = new FakeHolders();
  const { memberships, calls } = new FakeClient(others);
  others.others = "process";
  memberships.join(others, full, 0, () => {});
  memberships.leave(others, full, 0);
  others.others = "none";
  memberships.leaveWithheld(0);
  assertEquals(calls, ["join 1"]);
  assertEquals(memberships.counters(), {
    leaves_withheld: 1,
    leaves_given_up: 0,
    leaves_refused: 0,
    leaves_unsent: 0,
  });
});

Deno.test("leaveWithheld() leaves the groups that the kernel held, except those joined again", () => {
  const others = new FakeHolders();
  const { memberships, calls } = new FakeClient(others);
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

Deno.test("isOwn() is true from the join to the response to the leave, and while a leave is withheld", () => {
  const others = new FakeHolders();
  const { memberships, answers } = new FakeClient(others);
  const { mgid } = full.record;
  const sendOnly = request(1, JoinState.SendOnlyFullMember);
  const found: boolean[] = [];
  const note = () => found.push(memberships.isOwn(mgid));
  note();
  memberships.join(others, sendOnly, 0, () => {});
  note();
  memberships.leave(others, sendOnly, 0);
  note();
  answers.at(-1)!(true);
  note();
  others.others = "kernel";
  memberships.join(others, full, 0, () => {});
  memberships.leave(others, full, 0);
  note();
  assertEquals(found, [false, true, true, false, true]);
});

Deno.test("the numbers of withheld and of pending leaves are bounded", () => {
  const others = new FakeHolders();
  const { memberships, calls } = new FakeClient(others);
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
