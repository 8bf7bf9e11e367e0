/** Limits of the numbers of connections. */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import {
  MAX_CONNECTIONS,
  MAX_PENDING,
  MAX_TIMEWAIT,
  responseCode,
} from "../../src/cm/parameters.ts";
import { RejectReason } from "../../src/wire/cm/rej.ts";
import type { Req } from "../../src/wire/cm/req.ts";
import { gsiAddress } from "../../src/wire/mad.ts";
import { CmRig } from "./rig.ts";

/** A port that receives REQs of others, and a function that sends it the REQ of a connection `i`. */
function target() {
  const rig = new CmRig();
  const [a, b] = [rig.host(), rig.host()];
  rig.fate = () => [];
  a.connect(b);
  const { message } = rig.sent.splice(0)[0]!;
  assert(message?.kind === "req");
  const request = (i: number, fields: Partial<Req> = {}) =>
    b.receive({
      ...message,
      body: {
        ...message.body,
        localCommId: 0x10000 + i,
        localQpn: 0x10000 + i,
        ...fields,
      },
    }, gsiAddress(1));
  return { rig, a, b, request };
}

Deno.test("pending requests beyond the limit are dropped until others end", () => {
  const { rig, b, request } = target();
  const accepted = b.accept();
  for (let i = 0; i < MAX_PENDING + 3; i++) request(i);
  assertEquals(accepted.length, MAX_PENDING);
  assertEquals(b.manager.counters().drop_pending_limit, 3);
  rig.advance(120_000);
  assertEquals(b.remembered, 0);
  request(MAX_PENDING);
  assertEquals(accepted.length, MAX_PENDING + 1);
});

Deno.test("requests beyond the limit of connections are refused", () => {
  const { rig, b, request } = target();
  const accepted = b.accept();
  for (let i = 0; i < MAX_CONNECTIONS; i++) {
    request(i);
    accepted.at(-1)!.connection.noticeTraffic();
  }
  assertEquals(b.manager.counters().connections, MAX_CONNECTIONS);
  rig.sent.length = 0;
  request(MAX_CONNECTIONS);
  assertEquals(accepted.length, MAX_CONNECTIONS);
  const { message } = rig.sent[0]!;
  assert(message?.kind === "rej");
  assertEquals(message.body.reason, RejectReason.NoResources);
  assertEquals(b.manager.counters().refused_limit, 1);
});

Deno.test("the oldest ended connections are forgotten beyond the limit", () => {
  const { rig, b, request } = target();
  b.manager.listen(7n, (each) => each.reject(RejectReason.Consumer));
  for (let i = 0; i < MAX_TIMEWAIT + 5; i++) request(i, { serviceId: 7n });
  const counters = b.manager.counters();
  assertEquals(counters.ended_connections, MAX_TIMEWAIT);
  assertEquals(counters.connections, 0);
  rig.advance(60_000);
  assertEquals(b.remembered, 0);
  assertEquals(rig.reactor.armed, 0, "no timer is set");
});

Deno.test("a request with extreme times ends within two minutes", () => {
  const { rig, b, request } = target();
  const accepted = b.accept();
  request(0, { localResponseTimeout: 31, maxCmRetries: 15 });
  request(1, { localResponseTimeout: 0, maxCmRetries: 15 });
  rig.advance(119_000);
  for (const { ends } of accepted) assertEquals(ends, [{ why: "timeout" }]);
  assertEquals(b.remembered, 0);
  const kinds = rig.takeKinds();
  assertEquals(kinds.filter((kind) => kind === "2 rep").length, 2 * 16);
  assertEquals(kinds.filter((kind) => kind === "2 dreq").length, 2 * 8);
});

Deno.test("communication IDs are not in sequence", () => {
  const rig = new CmRig();
  const [a, b] = [rig.host(), rig.host()];
  for (let i = 0; i < 3; i++) a.connect(b);
  const [first, second, third] = rig.sent.map(({ message }) => {
    assert(message?.kind === "req");
    return message.body.localCommId;
  });
  assertNotEquals(second! - first!, third! - second!);
});

Deno.test("the response timeout is that of ib_ipoib, or shorter if the establishment is", () => {
  assertEquals(responseCode(4000), 17);
  assertEquals(responseCode(16384), 20);
  assertEquals(responseCode(1e9), 20);
  assertEquals(responseCode(1), 15);
});
