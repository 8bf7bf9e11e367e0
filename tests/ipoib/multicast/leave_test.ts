/** Groups that the kernel leaves while a join or leave is pending. */

import { assertEquals } from "@std/assert";
import { Method } from "../../../src/wire/mad.ts";
import { ip, ipv4Frame, Rig } from "../rig.ts";
import { ScriptedSa } from "../scripted_sa.ts";

const JOIN = Method.Set;
const LEAVE = Method.Delete;

Deno.test("an unanswered leave is not repeated after the next join", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  b.netdev.config.join(ip("239.1.1.1"));
  rig.settle();
  // The administrator processes the leave, but its response is lost.
  rig.subnet!.lose = ({ method }) => method === Method.DeleteResp;
  b.netdev.config.leave(ip("239.1.1.1"));
  rig.settle();
  b.netdev.config.join(ip("239.1.1.1"));
  rig.settle();
  rig.subnet!.lose = () => false;
  rig.advance(5000);
  a.send(ipv4Frame("10.0.0.1", "239.1.1.1"));
  assertEquals(b.received().length, 1);
  rig.check();
});

Deno.test("a group that the kernel leaves during the join is left at once, and the join is not repeated", () => {
  const rig = new Rig(false);
  const sa = new ScriptedSa(rig);
  const host = rig.host({
    state: "active",
    pkeys: [0xffff],
    register: false,
    address: "10.0.0.1",
  });
  rig.advance(300);
  sa.take();
  sa.joinStatus = () => undefined;
  host.netdev.config.join(ip("239.1.1.1"));
  rig.settle();
  host.netdev.config.leave(ip("239.1.1.1"));
  rig.settle();
  sa.joinStatus = () => 0;
  rig.advance(300);
  assertEquals(
    sa.take().map(({ method, record }) => [method, record.joinState]),
    [[JOIN, 1], [LEAVE, 1]],
  );
  assertEquals(host.link.groups.entries().length, 2, "broadcast, 224.0.0.1");
  rig.check();
});
