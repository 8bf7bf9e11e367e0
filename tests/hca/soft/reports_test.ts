/** Reports of traps 64 to 67 from the embedded subnet manager, over its sockets, to the ports' MAD agents. */

import { assert, assertEquals } from "@std/assert";
import type { SoftPort } from "../../../src/hca/soft/port.ts";
import { openSaClient } from "../../../src/ipoib/open_sa_client.ts";
import {
  broadcastJoin,
  groupJoin,
  groupLeave,
} from "../../../src/sa/requests.ts";
import type { SaCallback, SaResult } from "../../../src/sa/result.ts";
import { REPORT_SENDS, REPORT_TIMEOUT_MS } from "../../../src/subnet/traps.ts";
import { gidKey } from "../../../src/wire/gid.ts";
import { gsiAddress, MgmtClass } from "../../../src/wire/mad.ts";
import { broadcastMgid, ipv4Mgid } from "../../../src/wire/mgid.ts";
import type { InformInfo } from "../../../src/wire/sa/inform_info.ts";
import {
  JoinState,
  type McMemberRecord,
} from "../../../src/wire/sa/mc_member_record.ts";
import { TrapNumber } from "../../../src/wire/sa/notice.ts";
import { QueryClient } from "../../sa/query_client.ts";
import { informTrap, noticeGid } from "../../wire/sa/subscriber.ts";
import { Subnet } from "./subnet.ts";

const FIRST = 0x11n;
const SECOND = 0x12n;
const BROADCAST = broadcastMgid(0xffff);
const GROUP = ipv4Mgid(0xef010203 | 0, BROADCAST);

/** Sends a query and runs the reactor until it is answered. An error status fails the test. */
function ask<T>(
  subnet: Subnet,
  question: (now: number, callback: SaCallback<T>) => void,
): T {
  let result: SaResult<T> | undefined;
  question(subnet.reactor.clock.now(), (answer) => result = answer);
  subnet.until(() => result !== undefined);
  assert(result!.ok);
  return result!.record;
}

/** Subscribes a port to every trap. The port's SubnAdm agent is in use until `close` is called. */
function subscribe(subnet: Subnet, port: SoftPort) {
  const agent = port.openMadAgent(MgmtClass.SubnAdm);
  const client = new QueryClient(
    (mad, to) => agent.send(mad, to),
    () => gsiAddress(port.attributes.smLid),
  );
  agent.onMad = (mad, from) => client.onMad(mad, from, 0);
  const inform = () => {
    for (const trap of Object.values(TrapNumber)) {
      ask<InformInfo>(
        subnet,
        (_now, done) => client.inform(informTrap(trap), done),
      );
    }
  };
  inform();
  /** Trap number and subject GID of each notice received. */
  const heard = () =>
    client.notices.map((notice) => [
      notice.trapNumber,
      gidKey(noticeGid(notice)),
    ]);
  return { heard, inform, close: () => agent.close() };
}

/** Creates and deletes a group through the SA client of the data worker. */
function useGroup(subnet: Subnet, port: SoftPort): void {
  const { sa, close } = openSaClient(subnet.reactor, port);
  const { gid } = port.attributes;
  const link = ask<McMemberRecord>(
    subnet,
    (now, done) => sa.join(broadcastJoin(BROADCAST, gid, 0xffff), now, done),
  );
  ask(subnet, (now, done) => sa.join(groupJoin(GROUP, gid, link), now, done));
  const leave = groupLeave(GROUP, gid, JoinState.FullMember);
  ask(subnet, (now, done) => sa.leave(leave, now, done));
  close();
}

Deno.test("a subscribed port gets a Report for each group and port that is created or removed", () => {
  using subnet = new Subnet();
  const [first, second] = subnet.openAll(FIRST, SECOND);
  const { heard } = subscribe(subnet, first!);
  useGroup(subnet, second!);
  const gone = gidKey(second!.attributes.gid);
  second!.close();
  subnet.until(() => heard().length === 3);
  const [third] = subnet.openAll(0x13n);
  subnet.until(() => heard().length === 4);
  assertEquals(heard(), [
    [TrapNumber.McGroupCreated, gidKey(GROUP)],
    [TrapNumber.McGroupDeleted, gidKey(GROUP)],
    [TrapNumber.GidOutOfService, gone],
    [TrapNumber.GidInService, gidKey(third!.attributes.gid)],
  ]);
  // The client answers every Report, so none is repeated.
  subnet.settle(300);
  assertEquals(heard().length, 4);
});

Deno.test("a subscription ends with its manager and can be renewed at the next one", () => {
  using subnet = new Subnet();
  const [first] = subnet.openAll(FIRST);
  const { heard, inform } = subscribe(subnet, first!);
  subnet.killManager();
  Deno.removeSync(subnet.socket);
  subnet.startManager();
  const { events } = subnet.ports[0]!;
  subnet.until(() => events.some(({ type }) => type === "client_reregister"));
  subnet.openAll(SECOND);
  subnet.settle();
  assertEquals(heard(), []);
  inform();
  const [third] = subnet.openAll(0x13n);
  subnet.until(() => heard().length === 1);
  assertEquals(heard(), [
    [TrapNumber.GidInService, gidKey(third!.attributes.gid)],
  ]);
});

Deno.test("the data worker's client ignores Reports and continues to work", () => {
  using subnet = new Subnet();
  const [first] = subnet.openAll(FIRST);
  // The subscription belongs to the port and outlives the client that made it.
  subscribe(subnet, first!).close();
  let sent = 0;
  let arrived = 0;
  const agent = first!.openMadAgent(MgmtClass.SubnAdm);
  const { sa } = openSaClient(subnet.reactor, {
    get attributes() {
      return first!.attributes;
    },
    openMadAgent: () => ({
      send: (mad, to) => {
        sent++;
        agent.send(mad, to);
      },
      get onMad() {
        return agent.onMad;
      },
      set onMad(take) {
        agent.onMad = (mad, from) => {
          arrived++;
          take(mad, from);
        };
      },
      onSendFailed: () => {},
      close: () => agent.close(),
    }),
  });
  subnet.openAll(SECOND);
  // Without an answer the manager repeats the Report until it gives up.
  subnet.until(() => arrived === REPORT_SENDS, "the last Report");
  subnet.settle(2 * REPORT_TIMEOUT_MS);
  assertEquals([arrived, sent], [REPORT_SENDS, 0]);
  const join = broadcastJoin(BROADCAST, first!.attributes.gid, 0xffff);
  const { mgid } = ask<McMemberRecord>(
    subnet,
    (now, done) => sa.join(join, now, done),
  );
  assertEquals(mgid, BROADCAST);
});
