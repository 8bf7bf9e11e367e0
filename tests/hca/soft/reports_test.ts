/** Reports of traps 64 to 67, from the embedded subnet's manager over its sockets to the SA clients of ports. */

import { assert, assertEquals } from "@std/assert";
import { MgmtClass } from "../../../src/wire/mad.ts";
import type { SoftPort } from "../../../src/hca/soft/port.ts";
import { SaClient } from "../../../src/sa/client.ts";
import {
  broadcastJoin,
  groupJoin,
  groupLeave,
} from "../../../src/sa/requests.ts";
import type { SaCallback, SaResult } from "../../../src/sa/result.ts";
import { gidKey } from "../../../src/wire/gid.ts";
import { broadcastMgid, ipv4Mgid } from "../../../src/wire/mgid.ts";
import { InformInfo } from "../../../src/wire/sa/inform_info.ts";
import {
  JoinState,
  type McMemberRecord,
} from "../../../src/wire/sa/mc_member_record.ts";
import { Notice, TrapNumber } from "../../../src/wire/sa/notice.ts";
import { Subnet } from "./subnet.ts";

const FIRST = 0x11n;
const SECOND = 0x12n;
const BROADCAST = broadcastMgid(0xffff);
const GROUP = ipv4Mgid(0xef010203 | 0, BROADCAST);

/** A port's client, as the data worker makes it. */
class Listener {
  readonly client: SaClient;
  /** Trap numbers, and what they are about. */
  readonly heard: [trap: number, gid: string][] = [];
  readonly #subnet: Subnet;
  readonly #port: SoftPort;

  constructor(subnet: Subnet, port: SoftPort) {
    this.#subnet = subnet;
    this.#port = port;
    const agent = port.openMadAgent(MgmtClass.SubnAdm);
    this.client = new SaClient({
      agent,
      location: () => ({
        smLid: port.attributes.smLid,
        smSl: port.attributes.smSl,
        pkeyIndex: 0,
      }),
      onReport: (notice) =>
        this.heard.push([notice.trapNumber, gidKey(Notice.gid(notice))]),
    });
    agent.onMad = (mad, from) => {
      this.client.onMad(mad, from, subnet.reactor.clock.now());
    };
  }

  get gid(): Uint8Array {
    return this.#port.attributes.gid;
  }

  /** Asks, and takes turns until there is an answer; a refusal is a failure of the test. */
  ask<T>(question: (now: number, callback: SaCallback<T>) => unknown): T {
    let result: SaResult<T> | undefined;
    const { clock } = this.#subnet.reactor;
    question(clock.now(), (answer) => result = answer);
    this.#subnet.until(() => {
      this.client.tick(clock.now());
      return result !== undefined;
    });
    assert(result!.ok);
    return result!.record;
  }

  subscribe(): void {
    for (const trap of Object.values(TrapNumber)) {
      const info = InformInfo.trap(trap);
      this.ask((now, cb) => this.client.inform(info, now, cb));
    }
  }
}

Deno.test("a port hears of groups and ports that come and go", () => {
  using subnet = new Subnet();
  const [first, second] = subnet.openAll(FIRST, SECOND);
  const listener = new Listener(subnet, first!);
  const other = new Listener(subnet, second!);
  listener.subscribe();
  const link = other.ask<McMemberRecord>((now, cb) =>
    other.client.join(broadcastJoin(BROADCAST, other.gid, 0xffff), now, cb)
  );
  other.ask((now, cb) =>
    other.client.join(groupJoin(GROUP, other.gid, link), now, cb)
  );
  other.ask((now, cb) =>
    other.client.leave(
      groupLeave(GROUP, other.gid, JoinState.FullMember),
      now,
      cb,
    )
  );
  const gone = gidKey(other.gid);
  second!.close();
  subnet.until(() => listener.heard.length === 3);
  const [third] = subnet.openAll(0x13n);
  subnet.until(() => listener.heard.length === 4);
  assertEquals(listener.heard, [
    [TrapNumber.McGroupCreated, gidKey(GROUP)],
    [TrapNumber.McGroupDeleted, gidKey(GROUP)],
    [TrapNumber.GidOutOfService, gone],
    [TrapNumber.GidInService, gidKey(third!.attributes.gid)],
  ]);
  assertEquals(other.heard, []);
  // Every Report was answered: none is repeated.
  subnet.settle(300);
  assertEquals(listener.heard.length, 4);
});

Deno.test("a subscription ends with the manager, and the next one takes it anew", () => {
  using subnet = new Subnet();
  const [first] = subnet.openAll(FIRST);
  const listener = new Listener(subnet, first!);
  listener.subscribe();
  subnet.killManager();
  Deno.removeSync(subnet.socket);
  subnet.startManager();
  const { events } = subnet.ports[0]!;
  subnet.until(() => events.some(({ type }) => type === "client_reregister"));
  subnet.openAll(SECOND);
  subnet.settle();
  assertEquals(listener.heard, []);
  listener.subscribe();
  const [third] = subnet.openAll(0x13n);
  subnet.until(() => listener.heard.length === 1);
  assertEquals(listener.heard, [
    [TrapNumber.GidInService, gidKey(third!.attributes.gid)],
  ]);
});
