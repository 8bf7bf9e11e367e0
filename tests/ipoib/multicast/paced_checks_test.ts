/** Paced membership checks: one query at a time, with answers only for groups that are still there. */

import { assertEquals } from "@std/assert";
import type { Millis } from "../../../src/base/units.ts";
import {
  type CheckedGroup,
  PacedChecks,
} from "../../../src/ipoib/multicast/paced_checks.ts";
import type { SaCallback, SaResult } from "../../../src/sa/result.ts";
import { MadStatus } from "../../../src/wire/mad.ts";
import type { McMemberRecord } from "../../../src/wire/sa/mc_member_record.ts";

type Answer = SaResult<McMemberRecord>;

const NOT_A_MEMBER: Answer = {
  ok: false,
  status: MadStatus.NoRecords,
  errno: 22,
};
const NO_ANSWER: Answer = { ok: false, status: MadStatus.Ok, errno: 110 };
const GID = new Uint8Array(16);

/** Checks of two groups that are due at 0, and what they have led to. */
function setup() {
  const groups = [1, 2].map((number): CheckedGroup => ({
    mgid: new Uint8Array(16).fill(number),
    checkAt: 0,
  }));
  const log: string[] = [];
  let pending: SaCallback<McMemberRecord> | undefined;
  const checks = new PacedChecks({
    memberships: {
      check: (request, _now, callback) => {
        log.push(`query ${request.record.mgid?.[0]}`);
        pending = callback;
        return { cancel: () => pending = undefined };
      },
    },
    portGid: () => GID,
    groups: () => groups,
    onAnswer: ({ mgid }) => void log.push(`answer ${mgid[0]}`),
    onNoAnswer: () => void log.push("no answer"),
  });
  const run = (now: Millis) => checks.run(now, () => log.push("done"));
  const answer = (result: Answer) => pending?.(result, 1);
  return { groups, checks, log, run, answer };
}

Deno.test("groups are checked one after the other", () => {
  const { checks, log, run, answer } = setup();
  run(0);
  run(0);
  assertEquals([log.splice(0), checks.deadline], [["query 1"], Infinity]);
  answer(NOT_A_MEMBER);
  run(1);
  assertEquals(log, ["answer 1", "done", "query 2"]);
});

Deno.test("the answer about a group that was removed meanwhile has no effect", () => {
  const { groups, log, run, answer } = setup();
  run(0);
  groups.shift();
  answer(NOT_A_MEMBER);
  assertEquals(log, ["query 1", "done"]);
});

Deno.test("a missing answer is reported, also if its group was removed meanwhile", () => {
  const { groups, log, run, answer } = setup();
  run(0);
  groups.shift();
  answer(NO_ANSWER);
  assertEquals(log, ["query 1", "no answer", "done"]);
});

Deno.test("stop() cancels the pending check", () => {
  const { checks, log, run, answer } = setup();
  run(0);
  checks.stop();
  answer(NOT_A_MEMBER);
  assertEquals([log, checks.deadline], [["query 1"], 0]);
});
