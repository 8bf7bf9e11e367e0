/** A running link whose broadcast membership could not be confirmed shows why, until it is confirmed. */

import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../../src/base/errno.ts";
import { IpoibError } from "../../../src/base/errors.ts";
import { linkRecord } from "../../../src/daemon/records/link_record.ts";
import { MadStatus } from "../../../src/wire/mad.ts";
import { ip, logLines } from "../rig.ts";
import { REQUEST_INVALID, scriptedHost } from "../scripted_sa.ts";

const CHECK_MS = 30_000;
const GROUP = "broadcast group ff12:401b:ffff::ffff:ffff";
const NO_ANSWER =
  `the subnet administrator does not answer the join of ${GROUP} (SM LID 1)`;

function setup() {
  const scene = scriptedHost();
  const { rig, sa, host } = scene;
  const reregister = () => {
    host.port.emit({ type: "client_reregister" });
    rig.advance(3300);
  };
  /** Lets the joins succeed and waits for the longest backoff; the link must be out of doubt then. */
  const confirm = () => {
    sa.joinStatus = sa.checkStatus = () => 0;
    rig.advance(16_000);
    assertEquals([host.link.state, host.link.doubt], ["running", undefined]);
    rig.check();
  };
  const logged = () => logLines.filter((line) => line.includes("membership "));
  return { ...scene, reregister, confirm, logged };
}

Deno.test("a join that is not answered after a client reregister leaves the membership in doubt until it is", () => {
  const { sa, host, reregister, confirm, logged } = setup();
  sa.joinStatus = () => undefined;
  reregister();
  assertEquals(host.link.doubt, NO_ANSWER);
  assertEquals([host.link.state, host.netdev.carrier], ["running", true]);
  const { state, membership_in_doubt: shown } = linkRecord(
    host.link,
    host.link,
    {
      port: host.port.attributes,
      counters: {},
      subnet: undefined,
      log: { destination: "stderr", level: "info" },
      now: 0,
    },
  );
  assertEquals([state, shown], ["running", NO_ANSWER]);
  reregister();
  assertEquals(logged(), [`ib1: membership in doubt: ${NO_ANSWER}`]);
  confirm();
  assertEquals(logged().slice(1), ["ib1: membership confirmed"]);
  const events = host.events.filter(({ event }) => event === "doubt");
  assertEquals(events.map(({ old, new: now, cause }) => [old, now, cause]), [
    ["confirmed", "in doubt", NO_ANSWER],
    ["in doubt", "confirmed", undefined],
  ]);
});

Deno.test("a join that is refused after a client reregister leaves the membership in doubt, with the obstacle", () => {
  const { sa, host, reregister, confirm } = setup();
  sa.joinStatus = () => REQUEST_INVALID;
  sa.groupOf = () => ({ mtu: 5, rate: 3, pkey: 0xffff });
  reregister();
  assertEquals(host.link.doubt, `${GROUP} has MTU 4096, the port has 2048`);
  assertEquals(host.link.state, "running");
  confirm();
});

Deno.test("a join that the device refuses to send or to use leaves the membership in doubt", () => {
  const { sa, host, reregister, confirm } = setup();
  host.port.onCall = (call) => {
    if (call !== "createAddressHandle") return;
    throw new IpoibError("E_VERBS", "No address handle", {
      errno: Errno.ENOMEM,
    });
  };
  reregister();
  assertEquals(
    host.link.doubt,
    `the join of ${GROUP} fails on this port: Cannot allocate memory`,
  );
  host.port.onCall = () => {};
  sa.joinStatus = () => 0;
  confirm();
});

Deno.test("a membership check that is not answered or refused leaves the membership in doubt until a check has a result", () => {
  const { rig, sa, host, logged } = setup();
  sa.checkStatus = () => undefined;
  rig.advance(2 * CHECK_MS + 3300);
  assertEquals(
    host.link.doubt,
    `the subnet administrator does not answer the membership check of ${GROUP} (SM LID 1)`,
  );
  sa.checkStatus = () => MadStatus.UnsupportedMethodAttribute;
  rig.advance(2 * CHECK_MS);
  assertEquals(
    host.link.doubt,
    `no subnet administrator at SM LID 1 for the membership check of ${GROUP}`,
  );
  sa.checkStatus = () => MadStatus.Busy;
  rig.advance(2 * CHECK_MS);
  assert(host.link.doubt?.endsWith(" with status 0x0001 (busy)"));
  assertEquals([host.link.state, host.netdev.carrier], ["running", true]);
  sa.checkStatus = () => 0;
  rig.advance(2 * CHECK_MS);
  assertEquals(host.link.doubt, undefined);
  assertEquals(logged().length, 2);
  rig.check();
});

Deno.test("another group that is refused leaves no doubt, nor does a link that ended", () => {
  const { rig, sa, host, reregister } = setup();
  sa.joinStatus = ({ mgid }) => mgid[15] === 0xff ? 0 : REQUEST_INVALID;
  host.netdev.config.join(ip("239.1.1.1"));
  rig.advance(20_000);
  assertEquals(host.link.doubt, undefined);
  sa.joinStatus = () => undefined;
  reregister();
  assertEquals(host.link.doubt, NO_ANSWER);
  host.netdev.change({ up: false });
  rig.settle();
  assertEquals(
    [host.link.state, host.link.doubt],
    ["administratively down", undefined],
  );
  assert(!logLines.includes("ib1: membership confirmed"));
  rig.check();
});
