/** A subnet administrator that answers what the test says, and remembers what it was asked. */

import type { FakePort } from "../../src/hca/fake.ts";
import { gsiAddress, Method } from "../../src/wire/mad.ts";
import { McMemberRecord } from "../../src/wire/sa/mc_member_record.ts";
import { PathRecord } from "../../src/wire/sa/path_record.ts";
import { SaAttribute, SaMad } from "../../src/wire/sa/sa_mad.ts";
import { gidKey } from "../../src/wire/gid.ts";
import { logLines, Rig } from "./rig.ts";

/** A join or leave, as it arrived. */
export interface Asked {
  at: number;
  method: number;
  mask: bigint;
  record: McMemberRecord;
}

/** MAD status "request invalid". */
export const REQUEST_INVALID = 0x0200;

export class ScriptedSa {
  readonly memberships: Asked[] = [];
  /** Questions whether the port is a member of a group: when, and of which. */
  readonly checks: { at: number; mgid: Uint8Array }[] = [];
  /** Status of the answer to such a question. */
  checkStatus: (record: McMemberRecord) => number | undefined = () => 0;
  readonly paths: PathRecord[] = [];
  /** Status of the answer to a join; 0 is success, undefined no answer at all. */
  joinStatus: (record: McMemberRecord) => number | undefined = () => 0;
  /** What a join is answered with, besides what it asked for. */
  group: Partial<McMemberRecord> = { qkey: 0x80001234, mtu: 4, rate: 3 };
  /** MLIDs by MGID, given out in order. */
  readonly mlids = new Map<string, number>();
  /** What a path query is answered with, besides what it asked for and the LID of the fabric's port. */
  path: Partial<PathRecord> = { mtu: 4, rate: 3 };
  pathStatus: number | undefined = 0;
  readonly #rig: Rig;

  constructor(rig: Rig) {
    this.#rig = rig;
    rig.fabric.onMad = (from, mad) => this.#take(from, mad);
  }

  /** Joins of a method since the last call. */
  take(): Asked[] {
    return this.memberships.splice(0);
  }

  #take(from: FakePort, mad: Uint8Array): void {
    const request = SaMad.parse(mad)!;
    if (request.attributeId === SaAttribute.PathRecord) {
      const record = PathRecord.parse(request.data)!;
      this.paths.push(record);
      this.#answer(
        from,
        request,
        this.pathStatus,
        PathRecord.emit({
          ...record,
          dlid: 0x10 + record.dgid[15]!,
          ...this.path,
        }),
      );
      return;
    }
    const record = McMemberRecord.parse(request.data)!;
    const at = this.#rig.reactor.clock.now();
    if (request.method === Method.Get) {
      this.checks.push({ at, mgid: record.mgid });
      this.#answer(
        from,
        request,
        this.checkStatus(record),
        McMemberRecord.emit({
          ...McMemberRecord.of({ mgid: record.mgid }),
          ...this.group,
          mlid: this.mlids.get(gidKey(record.mgid)) ?? 0,
        }),
      );
      return;
    }
    this.memberships.push({
      at,
      method: request.method,
      mask: request.componentMask,
      record,
    });
    const key = gidKey(record.mgid);
    const mlid = this.mlids.get(key) ?? 0xc001 + this.mlids.size;
    this.mlids.set(key, mlid);
    const status = request.method === Method.Delete
      ? 0
      : this.joinStatus(record);
    this.#answer(
      from,
      request,
      status,
      McMemberRecord.emit({ ...record, ...this.group, mlid }),
    );
  }

  #answer(
    to: FakePort,
    request: SaMad,
    status: number | undefined,
    data: Uint8Array,
  ): void {
    if (status === undefined) return;
    const mad = SaMad.emit(SaMad.answer(request, { status, data }));
    this.#rig.fabric.later(() => to.receiveMad(mad, gsiAddress(1)));
  }
}

/** A host whose interface runs, and the administrator that it asks. */
export function scriptedHost(options: { maxGroups?: number } = {}) {
  const rig = new Rig(false);
  const sa = new ScriptedSa(rig);
  const host = rig.host({
    state: "active",
    lid: 5,
    pkeys: [0xffff],
    register: false,
    address: "10.0.0.1",
    ...options,
  });
  host.port.set({ smLid: 1 });
  rig.advance(300);
  sa.take();
  logLines.length = 0;
  return { rig, sa, host };
}
