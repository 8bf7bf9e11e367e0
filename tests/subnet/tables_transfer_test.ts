/** Transfers of tables of several segments from the administrator to a port. */

import { assert, assertEquals } from "@std/assert";
import { MAX_TRANSFERS } from "../../src/subnet/rmpp_sender.ts";
import { REPORT_SENDS, REPORT_TIMEOUT_MS } from "../../src/subnet/traps.ts";
import { gsiAddress, Method } from "../../src/wire/mad.ts";
import {
  McMask,
  type McMemberRecord,
} from "../../src/wire/sa/mc_member_record.ts";
import { PathMask, type PathRecord } from "../../src/wire/sa/path_record.ts";
import { RmppStatus } from "../../src/wire/sa/rmpp.ts";
import {
  type Rmpp,
  RmppType,
  SaAttribute,
  SaMad,
} from "../../src/wire/sa/sa_mad.ts";
import { decodePortFrame } from "../../src/subnet/protocol.ts";
import { ackMad } from "../sa/table_receiver.ts";
import { Rig, type RigPort } from "./rig.ts";

/** Longer than the time for which the administrator retransmits segments. */
const TRANSFER_MS = 3000;

/** Returns a subnet with a number of ports, and its first port. */
function subnet(ports: number): { rig: Rig; port: RigPort } {
  const rig = new Rig();
  const port = rig.join(1);
  for (let n = 1; n < ports; n++) {
    rig.join(1, { guid: `0x0002c903000${(n + 0x100).toString(16)}00` });
  }
  return { rig, port };
}

/** Queries all paths of the subnet. */
function list(port: RigPort) {
  return port.ask<PathRecord[]>((_now, cb) =>
    port.queries.listPaths({}, 0n, cb)
  );
}

/** Returns the RMPP header of a frame, or undefined if the frame is not a MAD with an active RMPP header. */
function rmpp(frame: Uint8Array): Rmpp | undefined {
  const decoded = decodePortFrame(frame);
  const mad = decoded?.kind === "mad" ? SaMad.parse(decoded.mad) : undefined;
  return mad && mad.rmpp.flags !== 0 ? mad.rmpp : undefined;
}

function pairs(paths: readonly PathRecord[]): Set<string> {
  return new Set(paths.map(({ slid, dlid }) => `${slid}-${dlid}`));
}

Deno.test("a table of 3600 paths is transferred in windows of 64 segments", () => {
  const { rig, port } = subnet(59);
  const acks: [number, number][] = [];
  rig.lose = (toManager, frame) => {
    const header = rmpp(frame);
    if (toManager && header?.type === RmppType.Ack) {
      acks.push([header.segment, header.payloadLength]);
    }
    return false;
  };
  const result = list(port);
  assert(result?.ok);
  assertEquals(result.record.length, 3600);
  assertEquals(pairs(result.record).size, 3600);
  const segments = Math.ceil(3600 * 64 / 200);
  assertEquals(acks.slice(0, 3), [[1, 64], [64, 128], [128, 192]]);
  assertEquals(acks.at(-1)![0], segments);
  rig.lose = () => false;
  const before = port.mads.length;
  rig.advance(2 * REPORT_TIMEOUT_MS);
  assertEquals(port.mads.length, before, "no segment is retransmitted");
});

for (const every of [3, 4, 7]) {
  Deno.test(`a table is transferred completely if one of ${every} frames is lost`, () => {
    const { rig, port } = subnet(9);
    let count = 0;
    rig.lose = (_toManager, frame) =>
      rmpp(frame) !== undefined && ++count % every === 0;
    let paths: PathRecord[] | undefined;
    port.queries.listPaths({}, 0n, (result) => {
      assert(result.ok);
      paths = result.record;
    });
    rig.advance(TRANSFER_MS);
    assertEquals(pairs(paths!).size, 100);
    assertEquals(paths!.length, 100);
  });
}

Deno.test("GetTable returns the matching groups, or an empty table", () => {
  const { port } = subnet(1);
  const result = port.ask<McMemberRecord[]>((_now, cb) =>
    port.queries.listGroups({ pkey: 0x8001 }, McMask.Pkey, cb)
  );
  assert(result?.ok);
  assertEquals(result.record.map(({ mlid }) => mlid), [0xc001]);
  const none = port.ask<PathRecord[]>((_now, cb) =>
    port.queries.listPaths({ slid: 99 }, PathMask.Slid, cb)
  );
  assertEquals(none, { ok: true, record: [] });
});

Deno.test("a refused GetTable gets the error status", () => {
  const { port } = subnet(1);
  assertEquals(
    port.ask<PathRecord[]>((_now, cb) => port.queries.listPaths({}, 1n, cb)),
    { ok: false, status: 0x0600, errno: 22 },
  );
});

/** Sends GetTable without a client. Returns the segments that arrive without an ACK. */
function request(port: RigPort, transactionId = 9n): SaMad[] {
  const before = port.mads.length;
  port.sendMad(
    SaMad.emit(SaMad.of({
      method: Method.GetTable,
      transactionId,
      attributeId: SaAttribute.PathRecord,
    })),
    gsiAddress(1),
  );
  port.rig.pump();
  return arrived(port, before);
}

function arrived(port: RigPort, since: number): SaMad[] {
  return port.mads.slice(since).map(({ mad }) => SaMad.parse(mad)!);
}

/** Sends an ACK with changed RMPP fields. Returns the MADs that arrive. */
function acknowledge(
  port: RigPort,
  data: SaMad,
  segment: number,
  window: number,
  change: Partial<Rmpp> = {},
): SaMad[] {
  const before = port.mads.length;
  const ack = SaMad.parse(ackMad(data, segment, window))!;
  const rmpp = { ...ack.rmpp, ...change };
  port.sendMad(SaMad.emit({ ...ack, rmpp }), gsiAddress(1));
  port.rig.pump();
  return arrived(port, before);
}

Deno.test("the first segment is sent alone, the others within the window", () => {
  const { port } = subnet(5);
  const [first, ...more] = request(port);
  assertEquals(more, []);
  assertEquals(first!.rmpp.payloadLength, 12 * 20 + 36 * 64);
  const next = acknowledge(port, first!, 1, 4);
  assertEquals(next.map(({ rmpp }) => rmpp.segment), [2, 3, 4]);
  assertEquals(acknowledge(port, first!, 3, 4), []);
  const rest = acknowledge(port, first!, 4, 99);
  assertEquals(rest.map(({ rmpp }) => rmpp.segment), [
    ...[5, 6, 7, 8, 9, 10, 11, 12],
  ]);
  assertEquals(acknowledge(port, first!, 12, 99), []);
  assertEquals(acknowledge(port, first!, 12, 99), []);
});

Deno.test("an invalid ACK ends the transfer with an ABORT of the corresponding status", () => {
  const cases: [number, number, Partial<Rmpp>, number][] = [
    [2, 4, {}, RmppStatus.SegmentTooBig],
    [1, 0, {}, RmppStatus.WindowTooSmall],
    [1, 4, { version: 2 }, RmppStatus.UnsupportedVersion],
    [1, 4, { type: RmppType.Data }, RmppStatus.BadType],
    [1, 4, { type: 9 }, RmppStatus.BadType],
  ];
  const { port } = subnet(5);
  for (const [segment, window, change, status] of cases) {
    const [first] = request(port);
    const [abort] = acknowledge(port, first!, segment, window, change);
    assertEquals(abort!.rmpp.type, RmppType.Abort);
    assertEquals([abort!.rmpp.status, abort!.method], [status, 0x92]);
    assertEquals(acknowledge(port, first!, 1, 4), []);
  }
});

Deno.test("STOP or ABORT from the receiver ends the transfer", () => {
  const { rig, port } = subnet(5);
  for (const type of [RmppType.Stop, RmppType.Abort]) {
    const [first] = request(port);
    assertEquals(acknowledge(port, first!, 0, 0, { type }), []);
    assertEquals(acknowledge(port, first!, 1, 4), []);
  }
  const before = port.mads.length;
  rig.advance(10 * REPORT_TIMEOUT_MS);
  assertEquals(port.mads.length, before);
});

Deno.test("an unacknowledged segment is retransmitted, then the transfer is aborted", () => {
  const { rig, port } = subnet(5);
  request(port);
  const before = port.mads.length;
  rig.advance((REPORT_SENDS + 2) * REPORT_TIMEOUT_MS);
  const mads = arrived(port, before);
  assertEquals(mads.length, REPORT_SENDS);
  const abort = mads.pop()!;
  assertEquals(mads.map(({ rmpp }) => rmpp.segment), [1, 1, 1]);
  assertEquals(abort.rmpp.type, RmppType.Abort);
  assertEquals(abort.rmpp.status, RmppStatus.TooManyRetries);
  assertEquals(abort.method, Method.GetTableResp);
});

Deno.test("a repeated request restarts the transfer", () => {
  const { port } = subnet(5);
  request(port);
  const [again] = request(port);
  assertEquals(again!.rmpp.segment, 1);
  assertEquals(acknowledge(port, again!, 1, 3).length, 2);
});

Deno.test("a port with the maximum of transfers gets no response to a further request", () => {
  const { rig, port } = subnet(5);
  for (let i = 1; i <= MAX_TRANSFERS; i++) {
    assertEquals(request(port, BigInt(i)).length, 1);
  }
  assertEquals(request(port, 99n), []);
  assert(rig.log.at(-1)!.includes("too many table transfers"));
  assertEquals(request(port, 1n).length, 1);
});

Deno.test("a table transfer without further ACKs is aborted, and the client receives ABORT", () => {
  const { rig, port } = subnet(9);
  let segments = 0;
  rig.lose = (toManager, frame) =>
    !toManager && rmpp(frame)?.type === RmppType.Data && ++segments > 3;
  let errno = 0;
  port.queries.listPaths({}, 0n, (result) => {
    errno = result.ok ? 0 : result.errno;
  });
  rig.advance(TRANSFER_MS);
  assertEquals(errno, 22);
});
