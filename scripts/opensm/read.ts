/** Reads the configuration of the fabric: ports and P_Key tables with SMPs, groups with SA MADs. */

import {
  MAD_LENGTH,
  MadHeader,
  Method,
  MgmtClass,
} from "../../src/wire/mad.ts";
import { McMask, McMemberRecord } from "../../src/wire/sa/mc_member_record.ts";
import { SaAttribute, SaMad } from "../../src/wire/sa/sa_mad.ts";
import { PKEYS_PER_BLOCK } from "../../src/wire/sa/pkey_table_record.ts";
import { FIRST_MLID } from "../../src/wire/lrh.ts";
import { formatGid } from "../../src/wire/gid.ts";
import { patient } from "../machine.ts";
import { MANAGER_LID, nodeLid, portGid, portLid, PORTS } from "./fabric.ts";
import type { Simulator } from "./simulator.ts";

const WAIT_MS = 300;
const PORT_INFO = 0x15;
const PKEY_TABLE = 0x16;
const SM_INFO = 0x20;
const PORT_STATES = ["down", "down", "init", "armed", "active"] as const;
/** States of SMInfo (IBTA vol. 1 14.2.5.13). */
const MANAGER_STATES = [
  "not active",
  "discovering",
  "standby",
  "master",
] as const;
/** Offset of the attribute in an SMP. */
const SMP_DATA = 64;
/** OpenSM assigns MLIDs in ascending order; the search ends after this number of unused MLIDs. */
const MISSING_MLIDS = 2;

/** The compared fields of a group. */
export interface RecordedGroup {
  mgid: string;
  mlid: number;
  pkey: number;
  qkey: number;
  mtu: number;
  rate: number;
  lifetime: number;
  sl: number;
  flowLabel: number;
  hopLimit: number;
  tclass: number;
  scope: number;
}

/** A port as the subnet manager configured it. */
export interface FabricPort {
  state: "down" | "init" | "armed" | "active";
  lid: number;
  lmc: number;
  smLid: number;
  smSl: number;
  /** 16 bytes: the subnet prefix, which the subnet manager assigns, and the port GUID. */
  gid: Uint8Array;
  /** Without the zeros at the end. */
  pkeys: number[];
}

/**
 * Reads the attributes of the n-th port of a fabric with an LMC. The fabric answers without a subnet manager after the
 * ports have LIDs.
 */
export async function readPort(
  simulator: Simulator,
  n: number,
  lmc = 0,
): Promise<FabricPort> {
  const lid = portLid(n, lmc);
  const info = await readSmp(simulator, lid, PORT_INFO, 1);
  return {
    state: PORT_STATES[info.getUint8(32) & 15]!,
    lid: info.getUint16(16),
    lmc: info.getUint8(34) & 7,
    smLid: info.getUint16(18),
    smSl: info.getUint8(36) & 15,
    gid: portGid(n, info.getBigUint64(8)),
    pkeys: await readTable(simulator, lid),
  };
}

/** Reads the state of the OpenSM on the n-th node; undefined if its port does not answer for one. */
export async function readManagerState(
  simulator: Simulator,
  n: number,
): Promise<typeof MANAGER_STATES[number] | undefined> {
  const info = await trySmp(simulator, nodeLid(n), SM_INFO, 0);
  return info && MANAGER_STATES[info.getUint8(20) & 15];
}

/** Reads the P_Key tables of the manager's port and the four ports, without the zeros at the end. */
export async function readPkeys(simulator: Simulator): Promise<number[][]> {
  const tables: number[][] = [];
  for (const lid of [MANAGER_LID, ...PORTS.map((n) => portLid(n))]) {
    tables.push(await readTable(simulator, lid));
  }
  return tables;
}

async function readTable(simulator: Simulator, lid: number): Promise<number[]> {
  const view = await readSmp(simulator, lid, PKEY_TABLE, 0);
  const table = Array.from(
    { length: PKEYS_PER_BLOCK },
    (_, i) => view.getUint16(2 * i),
  );
  while (table.at(-1) === 0) table.pop();
  return table;
}

async function readSmp(
  simulator: Simulator,
  lid: number,
  attribute: number,
  modifier: number,
): Promise<DataView> {
  const data = await trySmp(simulator, lid, attribute, modifier);
  if (data === undefined) throw new Error(`LID ${lid} did not answer`);
  return data;
}

/** Returns undefined if no answer arrives in time. */
async function trySmp(
  simulator: Simulator,
  lid: number,
  attribute: number,
  modifier: number,
): Promise<DataView | undefined> {
  const answer = await simulator.client(1).exchange(
    lid,
    smp(lid, attribute, modifier),
    patient(WAIT_MS),
  );
  return answer && new DataView(answer.buffer, answer.byteOffset + SMP_DATA);
}

/** Reads all groups. The administrator shows a group only to ports of its partition, so every port queries it. */
export async function readGroups(
  simulator: Simulator,
): Promise<RecordedGroup[]> {
  const groups: RecordedGroup[] = [];
  let missing = 0;
  for (let mlid = FIRST_MLID; missing < MISSING_MLIDS; mlid++) {
    const group = await readGroup(simulator, mlid);
    if (group === undefined) missing++;
    else groups.push(group);
  }
  return groups;
}

async function readGroup(
  simulator: Simulator,
  mlid: number,
): Promise<RecordedGroup | undefined> {
  for (const port of [...PORTS, 0]) {
    const answer = await simulator.client(port).exchange(
      MANAGER_LID,
      SaMad.emit(SaMad.of({
        method: Method.Get,
        transactionId: BigInt(mlid),
        attributeId: SaAttribute.McMemberRecord,
        componentMask: McMask.Mlid,
        data: McMemberRecord.emit(McMemberRecord.of({ mlid })),
      })),
      patient(WAIT_MS),
    );
    const mad = answer && SaMad.parse(answer);
    if (mad === undefined) throw new Error("The administrator did not answer");
    if (mad.status !== 0) continue;
    const record = McMemberRecord.parse(mad.data)!;
    const { pkey, qkey, mtu, rate, lifetime, sl, flowLabel } = record;
    const { hopLimit, tclass, scope } = record;
    return {
      mgid: formatGid(record.mgid),
      ...{ mlid, pkey, qkey, mtu, rate, lifetime, sl, flowLabel },
      ...{ hopLimit, tclass, scope },
    };
  }
  return undefined;
}

function smp(
  transaction: number,
  attributeId: number,
  attributeModifier: number,
): Uint8Array {
  const mad = new Uint8Array(MAD_LENGTH);
  MadHeader.emit({
    mgmtClass: MgmtClass.SubnLidRouted,
    classVersion: 1,
    method: Method.Get,
    status: 0,
    classSpecific: 0,
    transactionId: BigInt(transaction),
    attributeId,
    attributeModifier,
  }, mad);
  return mad;
}
