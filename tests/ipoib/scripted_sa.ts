/** Subnet administrator that responds as scripted by the test and records all requests. */

import type { FakePort } from "../../src/hca/fake.ts";
import { gsiAddress, MadStatus, Method } from "../../src/wire/mad.ts";
import { McMask, McMemberRecord } from "../../src/wire/sa/mc_member_record.ts";
import { PathRecord } from "../../src/wire/sa/path_record.ts";
import { SaAttribute, SaMad } from "../../src/wire/sa/sa_mad.ts";
import { gidKey } from "../../src/wire/gid.ts";
import { logLines, Rig } from "./rig.ts";

/** A received join or leave request. */
export interface MembershipRecord {
  at: number;
  method: number;
  mask: bigint;
  record: McMemberRecord;
}

/** MAD status "request invalid". */
export const REQUEST_INVALID = 0x0200;

export class ScriptedSa {
  readonly memberships: MembershipRecord[] = [];
  /** Received membership checks: time and MGID. */
  readonly checks: { at: number; mgid: Uint8Array }[] = [];
  /** Returns the status of the response to a membership check; undefined for no response. */
  checkStatus: (record: McMemberRecord) => number | undefined = () => 0;
  /** Received queries of groups: time and MGID. */
  readonly inquiries: { at: number; mgid: Uint8Array }[] = [];
  /**
   * Returns the fields of the response to the query of a group, or its status; undefined for no response. Default: an
   * administrator that does not answer such queries.
   */
  groupOf: (mgid: Uint8Array) => Partial<McMemberRecord> | number | undefined =
    () => MadStatus.UnsupportedMethodAttribute;
  readonly paths: PathRecord[] = [];
  /** Returns the status of the response to a join; undefined for no response. */
  joinStatus: (record: McMemberRecord) => number | undefined = () => 0;
  /** Fields of the response to a join that replace those of the request. */
  group: Partial<McMemberRecord> = { qkey: 0x80001234, mtu: 4, rate: 3 };
  /** MLIDs by MGID, assigned in order. */
  readonly mlids = new Map<string, number>();
  /**
   * Fields of the response to a path query that replace those of the request and the DLID, 0x10 plus the GID's last
   * byte.
   */
  path: Partial<PathRecord> = { mtu: 4, rate: 3 };
  /** Returns further such fields. */
  pathOf: (request: PathRecord) => Partial<PathRecord> = () => ({});
  /** Status of the response to a path query; undefined for no response. */
  pathStatus: number | undefined = 0;
  readonly #rig: Rig;

  constructor(rig: Rig) {
    this.#rig = rig;
    rig.fabric.onMad = (from, mad) => this.#receive(from, mad);
  }

  /** Returns the joins and leaves since the last call. */
  take(): MembershipRecord[] {
    return this.memberships.splice(0);
  }

  #receive(from: FakePort, mad: Uint8Array): void {
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
          ...this.pathOf(record),
        }),
      );
      return;
    }
    const record = McMemberRecord.parse(request.data)!;
    const at = this.#rig.reactor.clock.now();
    if (
      request.method === Method.Get &&
      (request.componentMask & McMask.PortGid) === 0n
    ) {
      this.#describe(from, request, record.mgid, at);
      return;
    }
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

  #describe(
    from: FakePort,
    request: SaMad,
    mgid: Uint8Array,
    at: number,
  ): void {
    this.inquiries.push({ at, mgid });
    const group = this.groupOf(mgid);
    const found = typeof group === "object" ? group : {};
    const status = typeof group === "object" ? MadStatus.Ok : group;
    const data = McMemberRecord.emit(McMemberRecord.of({ mgid, ...found }));
    this.#answer(from, request, status, data);
  }

  #answer(
    to: FakePort,
    request: SaMad,
    status: number | undefined,
    data: Uint8Array,
  ): void {
    if (status === undefined) return;
    const mad = SaMad.emit(SaMad.answer(request, { status, data }));
    this.#rig.fabric.defer(() => to.receiveMad(mad, gsiAddress(1)));
  }
}

/** Creates a host with a running interface, and its administrator. */
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
