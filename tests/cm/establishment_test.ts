/** Establishment of connections without losses: messages, parameters, states. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import type { ConnectionRequest } from "../../src/cm/connection.ts";
import { IpoibError } from "../../src/base/errors.ts";
import type { IbMtu } from "../../src/base/units.ts";
import { gsiAddress } from "../../src/wire/mad.ts";
import { PathRecord } from "../../src/wire/sa/path_record.ts";
import { hex } from "../wire/support.ts";
import { CmRig, pair, PKEY, SERVICE } from "./rig.ts";

/** The PSN that the seed of the second port gives. */
const PSN = 0xc43e63;

Deno.test("a connection is established with REQ, REP and RTU, and ended with DREQ and DREP", () => {
  const { rig, a, b, accepted } = pair();
  const { connection, ends } = a.connect(b);
  assertEquals(connection.state, "req_sent");
  rig.advance(10);
  const [passive] = accepted;
  assertEquals(rig.takeKinds(), ["1 req", "2 rep", "1 rtu"]);
  assertEquals(connection.state, "established");
  assertEquals(passive!.connection.state, "established");
  assertEquals(passive!.established, 1);
  assertEquals(connection.remoteQpn, 0x100);
  assertEquals(passive!.connection.remoteQpn, 0x100);
  connection.disconnect();
  rig.advance(10);
  assertEquals(rig.takeKinds(), ["1 dreq", "2 drep"]);
  assertEquals(ends, []);
  assertEquals(passive!.ends, [{ why: "disconnected" }]);
  assertEquals(connection.state, "timewait");
  rig.advance(20_000);
  assertEquals([a.remembered, b.remembered], [0, 0]);
  assertEquals(connection.state, "closed");
  assertEquals(rig.takeKinds(), []);
});

Deno.test("an established connection stays without messages", () => {
  const { rig, a, b } = pair();
  const { connection } = a.connect(b);
  rig.advance(10);
  rig.takeKinds();
  rig.advance(24 * 3600_000);
  assertEquals(connection.state, "established");
  assertEquals(rig.takeKinds(), []);
});

Deno.test("REQ and REP have the parameters of ib_ipoib and of the path", () => {
  const rig = new CmRig();
  const [a, b] = [rig.host(), rig.host()];
  const requests: ConnectionRequest[] = [];
  b.manager.listen(SERVICE, (request) => {
    requests.push(request);
    request.accept({
      qpn: 0x777,
      privateData: hex("00004900 0000fff4"),
    }, { onEnd: () => {} });
  });
  const { replies } = a.connect(b, {
    qpn: 0x333,
    privateData: hex("00004800 0000fff4"),
    timeout: 100_000,
  });
  rig.advance(10);
  const [req, rep] = rig.sent.map(({ message }) => message);
  assert(req?.kind === "req" && rep?.kind === "rep");
  const { privateData, primary, ...fixed } = req.body;
  const { localCommId } = req.body;
  assertEquals(req.transactionId, BigInt(localCommId));
  assertEquals({ ...fixed, alternate: undefined }, {
    localCommId,
    serviceId: SERVICE,
    localCaGuid: a.guid,
    localQkey: 0,
    localQpn: 0x333,
    responderResources: 4,
    localEecn: 0,
    initiatorDepth: 0,
    remoteEecn: 0,
    remoteResponseTimeout: 20,
    transportType: 0,
    flowControl: false,
    startingPsn: 0x111111,
    localResponseTimeout: 20,
    retryCount: 0,
    pkey: PKEY,
    pathMtu: 4,
    rdcExists: false,
    rnrRetryCount: 0,
    maxCmRetries: 15,
    srq: true,
    extendedTransport: 0,
    alternate: undefined,
  });
  assertEquals(primary, {
    localLid: 1,
    remoteLid: 2,
    localGid: a.gid,
    remoteGid: b.gid,
    flowLabel: 0,
    rate: 7,
    trafficClass: 0,
    hopLimit: 0,
    sl: 3,
    subnetLocal: true,
    // Twice the life time 2 to the 18th, and the delay of the CA, 2 to the 16th.
    ackTimeout: 20,
  });
  assertEquals(privateData.slice(0, 8), hex("00004800 0000fff4"));
  assertEquals(rep.transactionId, req.transactionId);
  assertEquals(rep.body.localQpn, 0x777);
  assertEquals(rep.body.startingPsn, PSN);
  assertEquals(rep.body.srq, true);
  assertEquals(rep.body.localCaGuid, b.guid);

  const [reply] = replies;
  assertEquals(reply!.qpn, 0x777);
  assertEquals(reply!.privateData.slice(0, 8), hex("00004900 0000fff4"));
  assertEquals(reply!.remote, {
    path: { dlid: 2, sl: 3, staticRate: 7 },
    pathMtu: 2048 as IbMtu,
    destQpn: 0x777,
    // The StartingPSN of a message is the PSN with which its receiver starts to send.
    sendPsn: PSN,
    receivePsn: 0x111111,
    ackTimeout: 20,
    retryCount: 0,
    rnrRetryCount: 0,
  });
  const [request] = requests;
  assertEquals(request!.serviceId, SERVICE);
  assertEquals(request!.qpn, 0x333);
  assertEquals(request!.remoteGid, a.gid);
  assertEquals(request!.remoteLid, 1);
  assertEquals(request!.pkey, PKEY);
  assertEquals(request!.remote, {
    path: { dlid: 1, sl: 3, staticRate: 7 },
    pathMtu: 2048 as IbMtu,
    destQpn: 0x333,
    sendPsn: 0x111111,
    receivePsn: PSN,
    ackTimeout: 20,
    retryCount: 0,
    rnrRetryCount: 0,
  });
});

Deno.test("a path with a hop limit has a GRH in its MADs and in both queue pairs", () => {
  const rig = new CmRig();
  const [a, b] = [rig.host(), rig.host()];
  const path = PathRecord.of({
    ...a.pathTo(b),
    hopLimit: 64,
    flowLabel: 0x12345,
    tclass: 9,
  });
  const sent: unknown[] = [];
  const { transfer } = rig;
  rig.transfer = (from, mad, to) => {
    sent.push(to.grh);
    transfer.call(rig, from, mad, to);
  };
  const accepted = b.accept();
  const { replies } = a.connect(b, { path });
  const rest = { sgidIndex: 0, flowLabel: 0x12345, trafficClass: 9 };
  assertEquals(sent, [{ gid: b.gid, hopLimit: 64, ...rest }]);
  rig.advance(10);
  const grh = { ...rest, hopLimit: 64 };
  assertEquals(replies[0]!.remote.path.grh, { ...grh, dgid: b.gid });
  // The path leads to another subnet, so the LID is that of the MAD.
  const { remote } = accepted[0]!.request;
  assertEquals(remote.path.dlid, 1);
  assertEquals(remote.path.grh, { ...grh, dgid: a.gid });
});

Deno.test("the answer to a MAD with a GRH has a GRH", () => {
  const rig = new CmRig();
  const [a, b] = [rig.host(), rig.host()];
  const addresses: unknown[] = [];
  b.accept();
  a.connect(b);
  const [req] = rig.sent.splice(0);
  rig.transfer = (_from, _mad, to) => void addresses.push(to);
  const grh = { gid: a.gid, sgidIndex: 0, flowLabel: 5, trafficClass: 6 };
  b.agent.onMad(req!.mad, {
    ...gsiAddress(9, 0, 2),
    qkey: 0,
    grh: { ...grh, hopLimit: 3 },
  });
  assertEquals(addresses, [
    { ...gsiAddress(9, 0, 2), grh: { ...grh, hopLimit: 0xff } },
  ]);
});

Deno.test("with LMC, MADs and both queue pairs use the LIDs of the path", () => {
  const rig = new CmRig();
  const [a, b] = [rig.host(0x10), rig.host(0x20)];
  for (const { port } of [a, b]) {
    port.attributes = { ...port.attributes, lmc: 2 };
  }
  const sent: { mad: Uint8Array; lid: number; pathBits: number | undefined }[] =
    [];
  rig.transfer = (_from, mad, { lid, pathBits }) => {
    sent.push({ mad: mad.slice(), lid, pathBits });
  };
  /** Delivers the sent MADs and those sent in reply. Returns the LID and the path bits of each. */
  const deliver = () => {
    const lids: unknown[] = [];
    for (let next = sent.shift(); next; next = sent.shift()) {
      const { mad, lid, pathBits = 0 } = next;
      lids.push([lid, pathBits]);
      const [to, source] = lid < 0x20 ? [a, b] : [b, a];
      const from = gsiAddress(source.lid | pathBits, 0, 3);
      to.agent.onMad(mad, { ...from, pathBits: lid & 3 });
    }
    return lids;
  };
  const accepted = b.accept();
  const path = { ...a.pathTo(b), slid: 0x11, dlid: 0x22 };
  const { connection, replies } = a.connect(b, { path });
  // REQ, REP, RTU.
  assertEquals(deliver(), [[0x22, 1], [0x11, 2], [0x22, 1]]);
  assertEquals(connection.state, "established");
  const { path: passive } = accepted[0]!.request.remote;
  const { path: active } = replies[0]!.remote;
  assertEquals([passive.dlid, passive.pathBits], [0x11, 2]);
  assertEquals([active.dlid, active.pathBits], [0x22, 1]);
  connection.disconnect();
  assertEquals(deliver(), [[0x22, 1], [0x11, 2]]);
});

Deno.test("on a port that requires a GRH, all messages to a port without one have a GRH, and so have the connections", () => {
  const rig = new CmRig();
  const [a, b] = [rig.host(), rig.host()];
  b.port.attributes = { ...b.port.attributes, grhRequired: true };
  const sent: [from: number, grh: unknown][] = [];
  const { transfer } = rig;
  rig.transfer = (from, mad, to) => {
    sent.push([from.lid, to.grh]);
    transfer.call(rig, from, mad, to);
  };
  const rest = { sgidIndex: 0, flowLabel: 0, trafficClass: 0 };
  const request = { ...rest, gid: a.gid, hopLimit: 0 };
  const answer = { ...request, hopLimit: 0xff };
  const path = { ...rest, dgid: a.gid, hopLimit: 0 };

  // The messages of b: REP and DREP.
  const accepted = b.accept();
  const { connection } = a.connect(b);
  rig.advance(10);
  connection.disconnect();
  rig.advance(10);
  assertEquals(accepted[0]!.request.remote.path.grh, path);
  assertEquals(accepted[0]!.request.remote.path.dlid, 1);
  assertEquals(sent.splice(0), [
    [1, undefined],
    [2, answer],
    [1, undefined],
    [1, undefined],
    [2, answer],
  ]);

  // A REJ of b without a connection.
  a.connect(b, { serviceId: SERVICE + 1n });
  rig.advance(10);
  assertEquals(sent.splice(0), [[1, undefined], [2, answer]]);

  // A REQ and an RTU of b.
  a.accept();
  const { replies } = b.connect(a);
  rig.advance(10);
  assertEquals(replies[0]!.remote.path.grh, path);
  assertEquals(sent, [[2, request], [1, undefined], [2, request]]);
});

Deno.test("the consumer may answer a request later, once", () => {
  const rig = new CmRig();
  const [a, b] = [rig.host(), rig.host()];
  const requests: ConnectionRequest[] = [];
  b.manager.listen(SERVICE, (request) => void requests.push(request));
  const { connection } = a.connect(b);
  rig.advance(1500);
  assertEquals(requests.length, 1, "repeated REQs are one request");
  const passive = b.answer(requests[0]!);
  rig.advance(10);
  assertEquals(connection.state, "established");
  requests[0]!.reject(28);
  rig.advance(10);
  assertEquals(passive.connection.state, "established");
});

Deno.test("two services have their own listeners, and a service has one", () => {
  const rig = new CmRig();
  const [a, b] = [rig.host(), rig.host()];
  const first = b.accept(1n);
  const second = b.accept(2n);
  a.connect(b, { serviceId: 2n });
  rig.advance(10);
  assertEquals([first.length, second.length], [0, 1]);
  const { code } = assertThrows(
    () => b.manager.listen(2n, () => {}),
    IpoibError,
  );
  assertEquals(code, "E_CM_SERVICE");
});

Deno.test("both ports connect to each other at the same time", () => {
  const rig = new CmRig();
  const [a, b] = [rig.host(), rig.host()];
  const [atA, atB] = [a.accept(), b.accept()];
  const opened = [a.connect(b), b.connect(a)];
  rig.advance(10);
  for (const { connection } of [...opened, ...atA, ...atB]) {
    assertEquals(connection.state, "established");
  }
});

Deno.test("REQ and REP state whether the connections of the port have a shared receive queue", () => {
  for (const sharedReceiveQueue of [true, false]) {
    const rig = new CmRig();
    const hosts = [rig.host(), rig.host()] as const;
    const [a, b] = hosts;
    for (const { port } of hosts) {
      const capabilities = {
        ...port.attributes.capabilities,
        sharedReceiveQueue,
      };
      port.attributes = { ...port.attributes, capabilities };
    }
    b.accept();
    a.connect(b);
    rig.advance(10);
    const stated = rig.sent.map(({ message }) => message).filter((message) =>
      message?.kind === "req" || message?.kind === "rep"
    ).map(({ body }) => body.srq);
    assertEquals(stated, [sharedReceiveQueue, sharedReceiveQueue]);
  }
});

Deno.test("both ends of a connection use the retry counts of the port that opens it", () => {
  const rig = new CmRig();
  const [a, b] = [rig.host(), rig.host()];
  const { attributes } = a.port;
  a.port.attributes = {
    ...attributes,
    capabilities: { ...attributes.capabilities, connectionRetries: 7 },
  };
  const accepted = b.accept();
  const { replies } = a.connect(b);
  rig.advance(10);
  for (const { remote } of [replies[0]!, accepted[0]!.request]) {
    assertEquals([remote.retryCount, remote.rnrRetryCount], [7, 7]);
  }
});
