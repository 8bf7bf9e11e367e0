import { assertEquals } from "@std/assert";
import { Memberships } from "../../src/sa/memberships.ts";
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
  readonly memberships: Memberships;

  constructor() {
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
    this.memberships = new Memberships({
      join: call("join"),
      leave: call("leave"),
    });
  }
}

const full = request(1, JoinState.FullMember);

Deno.test("Memberships.leave() is the last holder's", () => {
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

Deno.test("Memberships counts each kind of join and each group by itself", () => {
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
