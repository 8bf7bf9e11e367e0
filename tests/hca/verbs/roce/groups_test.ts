import { assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../../../src/base/errors.ts";
import {
  groupRequest,
  RoceGroups,
} from "../../../../src/hca/verbs/roce/groups.ts";
import { readSmallFile } from "../../../../src/system/read_files.ts";
import { gidKey, parseGid } from "../../../../src/wire/gid.ts";

const LOOPBACK = 1;
const MGID = parseGid("ff12:401b:ffff::7f:1234")!;
const FILE = "/proc/thread-self/net/igmp6";
const reason = readSmallFile(FILE) === undefined
  ? " (skipped: the kernel has no IPv6)"
  : "";

/** Returns the number of sockets that have joined the group, from the kernel. */
function members(): number {
  const line = readSmallFile(FILE)!.split("\n")
    .find((line) => line.includes(gidKey(MGID)));
  return line === undefined ? 0 : Number(line.trim().split(/\s+/)[3]);
}

Deno.test("groupRequest() encodes a struct ipv6_mreq", () => {
  const golden = new Uint8Array(20);
  golden.set(MGID);
  golden[16] = 7;
  assertEquals(groupRequest(MGID, 7), golden);
});

Deno.test({
  name:
    `RoceGroups joins a group once for all users, and leaves it with the last one${reason}`,
  ignore: reason !== "",
  fn: () => {
    const groups = new RoceGroups();
    groups.join(MGID, LOOPBACK);
    groups.join(MGID, LOOPBACK);
    assertEquals(members(), 1);
    groups.leave(MGID);
    assertEquals(members(), 1);
    groups.leave(MGID);
    assertEquals(members(), 0);
    groups.leave(MGID);
    groups.join(MGID, LOOPBACK);
    groups.close();
    assertEquals(members(), 0);
  },
});

Deno.test({
  name: `RoceGroups names the group and the interface in its error${reason}`,
  ignore: reason !== "",
  fn: () => {
    const groups = new RoceGroups();
    const error = assertThrows(
      () => groups.join(MGID, 0x7fffffff),
      IpoibError,
      "Cannot join group ff12:401b:ffff::7f:1234 on network interface 2147483647: ",
    );
    assertEquals(error.code, "E_ROCE_GROUP");
    groups.close();
  },
});
