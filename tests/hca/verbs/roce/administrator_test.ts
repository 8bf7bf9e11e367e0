import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { IbMtuCode } from "../../../../src/base/units.ts";
import {
  answerRequest,
  requestedPathDgid,
  ROCE_HOP_LIMIT,
  ROCE_MLID,
  ROCE_QKEY,
} from "../../../../src/hca/verbs/roce/administrator.ts";
import {
  broadcastJoin,
  groupLeave,
  pathRequest,
} from "../../../../src/sa/requests.ts";
import { broadcastMgid } from "../../../../src/wire/mgid.ts";
import { parseGid } from "../../../../src/wire/gid.ts";
import { MadStatus, Method } from "../../../../src/wire/mad.ts";
import {
  JoinState,
  McMemberRecord,
} from "../../../../src/wire/sa/mc_member_record.ts";
import { PathRecord } from "../../../../src/wire/sa/path_record.ts";
import { SaAttribute, SaMad } from "../../../../src/wire/sa/sa_mad.ts";

const GID = parseGid("fe80::1")!;
const PEER = parseGid("fe80::2")!;
const MGID = broadcastMgid(0xffff);
const PORT = { gid: GID, activeMtuCode: 3 as IbMtuCode, rateCode: 3 };

function request(method: number, attributeId: number, data: Uint8Array) {
  return SaMad.emit(SaMad.of({
    method,
    transactionId: 0x1234n,
    attributeId,
    componentMask: 0x10083n,
    data,
  }));
}

function answer(mad: Uint8Array): SaMad {
  return SaMad.parse(answerRequest(mad, PORT)!)!;
}

const pathGet = request(
  Method.Get,
  SaAttribute.PathRecord,
  PathRecord.emit(
    pathRequest({ sgid: GID, dgid: PEER, pkey: 0xffff, tclass: 5 }).record,
  ),
);

Deno.test("answerRequest() returns a path with a GRH, without LIDs, and with the port's MTU and rate", () => {
  const { method, status, transactionId, data } = answer(pathGet);
  assertEquals([method, status, transactionId], [Method.GetResp, 0, 0x1234n]);
  const path = PathRecord.parse(data)!;
  assertEquals([path.dgid, path.sgid], [PEER, GID]);
  assertEquals([path.dlid, path.slid, path.pkey], [0, 0, 0xffff]);
  assertEquals([path.mtu, path.rate, path.tclass], [3, 3, 5]);
  assertEquals(path.hopLimit, ROCE_HOP_LIMIT);
});

Deno.test("answerRequest() joins any group with the fixed Q_Key", () => {
  const { record } = broadcastJoin(MGID, GID, 0xffff);
  const { method, status, data } = answer(
    request(
      Method.Set,
      SaAttribute.McMemberRecord,
      McMemberRecord.emit(record),
    ),
  );
  assertEquals([method, status], [Method.GetResp, 0]);
  const group = McMemberRecord.parse(data)!;
  assertEquals([group.mgid, group.portGid], [MGID, GID]);
  assertEquals([group.qkey, group.mlid, group.mtu], [ROCE_QKEY, ROCE_MLID, 3]);
  assertEquals([group.pkey, group.joinState], [0xffff, JoinState.FullMember]);
  assertEquals([group.hopLimit, group.scope], [ROCE_HOP_LIMIT, 2]);
});

Deno.test("answerRequest() confirms a leave", () => {
  const { record } = groupLeave(MGID, GID, JoinState.FullMember);
  const { method, status, data } = answer(
    request(
      Method.Delete,
      SaAttribute.McMemberRecord,
      McMemberRecord.emit(record),
    ),
  );
  assertEquals([method, status], [Method.DeleteResp, 0]);
  assertEquals(McMemberRecord.parse(data)!.mgid, MGID);
});

Deno.test("answerRequest() refuses unsupported attributes, and ignores MADs that are not requests", () => {
  const refused = answer(
    request(Method.GetTable, SaAttribute.NodeRecord, new Uint8Array(0)),
  );
  assertEquals(
    [refused.method, refused.status],
    [Method.GetTableResp, MadStatus.UnsupportedMethodAttribute],
  );
  assertEquals(answerRequest(new Uint8Array(256), PORT), undefined);
  assertEquals(
    answerRequest(answerRequest(pathGet, PORT)!, PORT),
    undefined,
  );
});

Deno.test("requestedPathDgid() returns the peer of a path request, and nothing for other MADs", () => {
  assertEquals(requestedPathDgid(pathGet), PEER);
  const { record } = broadcastJoin(MGID, GID, 0xffff);
  const join = request(
    Method.Set,
    SaAttribute.McMemberRecord,
    McMemberRecord.emit(record),
  );
  assertEquals(requestedPathDgid(join), undefined);
  assertEquals(requestedPathDgid(new Uint8Array(3)), undefined);
});

Deno.test("answerRequest() returns a MAD of 256 bytes or undefined for any bytes", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 0, maxLength: 256 }),
      (bytes) => {
        const mad = pathGet.slice();
        mad.set(bytes.subarray(0, 250), 3);
        const result = answerRequest(mad, PORT);
        assert(result === undefined || result.length === 256);
      },
    ),
  );
});
