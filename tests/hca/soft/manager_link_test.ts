/** The connection of a port to the manager while the manager does not read. */

import { assert, assertEquals } from "@std/assert";
import {
  ManagerLink,
  type ManagerListener,
} from "../../../src/hca/soft/manager_link.ts";
import { patient } from "../../../scripts/machine.ts";
import { MAX_MEMBERSHIPS } from "../../../src/subnet/messages.ts";
import { newLinkSecret } from "../../../src/subnet/link_token.ts";
import { PollReactor } from "../../../src/system/poll_reactor.ts";
import { listen } from "../../../src/system/unix_socket.ts";
import { gsiAddress, MAD_LENGTH } from "../../../src/wire/mad.ts";
import { gidKey } from "../../../src/wire/gid.ts";
import { broadcastMgid } from "../../../src/wire/mgid.ts";
import { closeReactor } from "../close_reactor.ts";

const MEMBERSHIP = {
  ...{ mgid: gidKey(broadcastMgid(0xffff)), mlid: 0xc000, joinState: 1 },
  ...{ pkey: 0xffff, qkey: 1, mtu: 4, rate: 3 },
  ...{ sl: 0, flowLabel: 0, hopLimit: 0, tclass: 0 },
};

/** A link to a socket that listens, but whose owner neither accepts nor reads. */
function scene(listener: Partial<ManagerListener> = {}) {
  const reactor = new PollReactor();
  const directory = Deno.makeTempDirSync({ prefix: "ipoib-test-" });
  const path = `${directory}/sm.sock`;
  const socket = listen(path);
  const link = new ManagerLink(reactor, path, {
    hello: () => ({
      guid: "0x0000000000000011",
      ...{ name: "ib0", pid: 1, secret: newLinkSecret() },
    }),
    memberships: () => [],
    onMessage: () => {},
    onMad: () => {},
    onMissing: () => {},
    failed: (error) => {
      throw error;
    },
    ...listener,
  });
  return {
    reactor,
    link,
    [Symbol.dispose]: () => {
      link.close();
      socket.close();
      closeReactor(reactor);
      Deno.removeSync(directory, { recursive: true });
    },
  };
}

Deno.test("a registration of too many messages ends the connection, and the next attempt is in a later turn", () => {
  // More than the 256 messages that a link queues.
  const memberships = new Array(300 * MAX_MEMBERSHIPS).fill(MEMBERSHIP);
  let attempts = 0;
  const count = () => {
    attempts++;
    return memberships;
  };
  using parts = scene({ memberships: count });
  parts.link.connect();
  assertEquals(attempts, 1);
  const end = performance.now() + patient(5000);
  while (attempts < 2 && performance.now() < end) parts.reactor.turn(5);
  assertEquals(attempts, 2);
});

Deno.test("a MAD without a connection, with a full socket or behind a queue is not sent", () => {
  using parts = scene();
  const { link } = parts;
  const send = () => link.sendMad(new Uint8Array(MAD_LENGTH), gsiAddress(1));
  assertEquals(send(), false, "no connection");
  link.connect();
  let sent = 0;
  while (send()) sent++;
  assert(sent > 0);
  link.show(1);
  assertEquals(send(), false, "a queue");
});
