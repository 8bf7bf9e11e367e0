/** Connections between ports of the embedded subnet, with paths from its administrator. */

import { assert, assertEquals } from "@std/assert";
import { getLogger } from "../../src/base/log.ts";
import type { Connection } from "../../src/cm/connection.ts";
import { ConnectionManager } from "../../src/cm/connection_manager.ts";
import type { ConnectionEnd } from "../../src/cm/events.ts";
import type { SoftPort } from "../../src/hca/soft/port.ts";
import { openSaClient } from "../../src/ipoib/open_sa_client.ts";
import { MgmtClass } from "../../src/wire/mad.ts";
import type { PathRecord } from "../../src/wire/sa/path_record.ts";
import { Subnet } from "../hca/soft/subnet.ts";
import { SERVICE } from "./rig.ts";

const PEERS = 20;

function managerOf(subnet: Subnet, port: SoftPort): ConnectionManager {
  return new ConnectionManager({
    reactor: subnet.reactor,
    agent: port.openMadAgent(MgmtClass.CommunicationManagement),
    port,
    log: getLogger("cm"),
  });
}

function pathBetween(subnet: Subnet, from: SoftPort, to: SoftPort): PathRecord {
  const { sa } = openSaClient(subnet.reactor, from);
  let path: PathRecord | undefined;
  const request = {
    sgid: from.attributes.gid,
    dgid: to.attributes.gid,
    pkey: 0xffff,
    tclass: 0,
  };
  sa.queryPath(request, subnet.reactor.clock.now(), (result) => {
    assert(result.ok);
    path = result.record;
  });
  subnet.until(() => path !== undefined, "the path");
  return path!;
}

Deno.test("ports of the embedded subnet establish and end connections", () => {
  using subnet = new Subnet();
  const ports = subnet.openAll(0x11n, 0x22n) as [SoftPort, SoftPort];
  const [a, b] = ports.map((port) => managerOf(subnet, port)) as [
    ConnectionManager,
    ConnectionManager,
  ];
  const accepted: Connection[] = [];
  const ended: ConnectionEnd[] = [];
  b.listen(SERVICE, (request) => {
    assertEquals(request.remoteGid, ports[0].attributes.gid);
    assertEquals(request.remoteLid, ports[0].attributes.lid);
    accepted.push(request.accept({
      qpn: 0x200 + accepted.length,
      privateData: new Uint8Array(8),
    }, { onEnd: (end) => void ended.push(end) }));
  });
  const path = pathBetween(subnet, ...ports);
  const opened: Connection[] = [];
  for (let i = 0; i < PEERS; i++) {
    opened.push(a.connect({
      serviceId: SERVICE,
      path,
      pkeyIndex: 0,
      qpn: 0x100 + i,
      startingPsn: 0,
      privateData: new Uint8Array(8),
      timeout: 4000,
    }, {
      onReply: () => opened[i]!.confirm(),
      onEnd: (end) => assert(false, end.why),
    }));
  }
  const all = (state: string, list: Connection[]) =>
    list.length === PEERS && list.every((each) => each.state === state);
  subnet.until(
    () => all("established", opened) && all("established", accepted),
    "the connections",
  );
  for (const each of opened) each.disconnect();
  subnet.until(
    () => all("timewait", opened) && all("timewait", accepted),
    "the end of the connections",
  );
  assertEquals(ended.length, PEERS);
  for (const manager of [a, b]) manager.close();
});
