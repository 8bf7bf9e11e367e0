import { assertEquals, assertThrows } from "@std/assert";
import { AttachedGroups } from "../../../src/hca/verbs/attached_groups.ts";

const A = new Uint8Array(16).fill(0xa);
const B = new Uint8Array(16).fill(0xb);

/** Groups whose calls of the device and of the network device are recorded as text. */
function recorded() {
  const calls: string[] = [];
  const note = (what: string) => (mgid: Uint8Array, mlid?: number) => {
    calls.push([what, mgid[0]!.toString(16), mlid].join(" ").trim());
  };
  const attach = note("attach");
  const device = { refuses: false };
  const groups = new AttachedGroups({
    attach: (mgid, mlid) => {
      attach(mgid, mlid);
      if (device.refuses) throw new Error("refused");
    },
    detach: note("detach"),
  }, { join: note("join"), leave: note("leave") });
  return { groups, device, calls: () => calls.splice(0) };
}

Deno.test("AttachedGroups joins a group on the network device before the queue pair is attached, and leaves it after", () => {
  const { groups, calls } = recorded();
  groups.attach(A, 1);
  assertEquals(calls(), ["join a", "attach a 1"]);
  assertEquals(groups.all, [{ mgid: A, mlid: 1 }]);
  groups.detach(A, 2);
  assertEquals(calls(), []);
  groups.detach(A, 1);
  assertEquals(calls(), ["detach a 1", "leave a"]);
  assertEquals(groups.all, []);
});

Deno.test("AttachedGroups leaves a group to which the queue pair cannot be attached", () => {
  const { groups, device, calls } = recorded();
  device.refuses = true;
  assertThrows(() => groups.attach(A, 1), Error, "refused");
  assertEquals(calls(), ["join a", "attach a 1", "leave a"]);
  assertEquals(groups.all, []);
});

Deno.test("AttachedGroups.attachAgain() tries all groups; close() detaches them", () => {
  const { groups, device, calls } = recorded();
  groups.attach(A, 1);
  groups.attach(B, 2);
  calls();
  device.refuses = true;
  groups.attachAgain();
  assertEquals(calls(), ["attach a 1", "attach b 2"]);
  groups.close();
  assertEquals(calls(), ["detach a 1", "leave a", "detach b 2", "leave b"]);
});
