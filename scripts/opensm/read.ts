/** Reads the fabric as OpenSM has configured it: P_Key tables by SMPs, groups by SA MADs. */

import {
  MAD_LENGTH,
  MadHeader,
  Method,
  MgmtClass,
} from "../../src/wire/mad.ts";
import { McMask, McMemberRecord } from "../../src/wire/sa/mc_member_record.ts";
import {
  NO_RMPP,
  SA_CLASS_VERSION,
  SaAttribute,
  SaMad,
} from "../../src/wire/sa/sa_mad.ts";
import { formatGid } from "../../src/wire/gid.ts";
import { MANAGER_LID, portLid, PORTS } from "./fabric.ts";
import type { Simulator } from "./simulator.ts";

const WAIT_MS = 300;
const PKEY_TABLE = 0x16;
/** Where the attribute of an SMP begins, and how many P_Keys it has. */
const SMP_DATA = 64;
const PKEYS_PER_BLOCK = 32;
/** MLIDs are given in ascending order, so a few that are not there end the search. */
const FIRST_MLID = 0xc000;
const MISSING_MLIDS = 2;

/** A group as the test compares it. */
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

/** The P_Key tables of the manager's port and of the four ports, without the zeros behind. */
export async function readPkeys(simulator: Simulator): Promise<number[][]> {
  const tables: number[][] = [];
  for (const lid of [MANAGER_LID, ...PORTS.map(portLid)]) {
    const answer = await simulator.client(1).exchange(
      lid,
      pkeyTableSmp(lid),
      WAIT_MS,
    );
    if (answer === undefined) throw new Error(`LID ${lid} does not answer`);
    const view = new DataView(answer.buffer, answer.byteOffset + SMP_DATA);
    const table = Array.from(
      { length: PKEYS_PER_BLOCK },
      (_, i) => view.getUint16(2 * i),
    );
    while (table.at(-1) === 0) table.pop();
    tables.push(table);
  }
  return tables;
}

/** All groups; each is seen by some port only. */
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
      SaMad.emit({
        classVersion: SA_CLASS_VERSION,
        method: Method.Get,
        status: 0,
        transactionId: BigInt(mlid),
        attributeId: SaAttribute.McMemberRecord,
        attributeModifier: 0,
        rmpp: NO_RMPP,
        smKey: 0n,
        attributeOffset: 0,
        componentMask: McMask.Mlid,
        data: McMemberRecord.emit(McMemberRecord.of({ mlid })),
      }),
      WAIT_MS,
    );
    const mad = answer && SaMad.parse(answer);
    if (mad === undefined) throw new Error("The administrator is silent");
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

function pkeyTableSmp(transaction: number): Uint8Array {
  const mad = new Uint8Array(MAD_LENGTH);
  MadHeader.emit({
    mgmtClass: MgmtClass.SubnLidRouted,
    classVersion: 1,
    method: Method.Get,
    status: 0,
    classSpecific: 0,
    transactionId: BigInt(transaction),
    attributeId: PKEY_TABLE,
    attributeModifier: 0,
  }, mad);
  return mad;
}
