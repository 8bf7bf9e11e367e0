/**
 * Compares the embedded manager with OpenSM for each recorded partitions.conf (scripts/opensm/record.ts): P_Key tables
 * and groups must be equal.
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { PORTS } from "../../scripts/opensm/fabric.ts";
import type { RecordedGroup } from "../../scripts/opensm/read.ts";
import type { PartitionsRecording } from "../../scripts/opensm/recording.ts";
import { IpoibError } from "../../src/base/errors.ts";
import { parsePartitionsConf } from "../../src/subnet/partitions_conf.ts";
import {
  DEFAULT_PARTITION,
  IPOIB_DEFAULTS,
  type Partition,
} from "../../src/subnet/partitions.ts";
import { Method } from "../../src/wire/mad.ts";
import { formatGid } from "../../src/wire/gid.ts";
import { McMask, McMemberRecord } from "../../src/wire/sa/mc_member_record.ts";
import { PKEYS_PER_BLOCK } from "../../src/wire/sa/pkey_table_record.ts";
import { SaAttribute, SaMad } from "../../src/wire/sa/sa_mad.ts";
import { RecordedFabric } from "./recorded_fabric.ts";

const folder = new URL("../golden/opensm/", import.meta.url);
const { results }: PartitionsRecording = JSON.parse(
  await Deno.readTextFile(new URL("partitions.json", folder)),
);
const withoutFile = results.find(({ file }) => file === null)!;

/** OpenSM's partition without a file. The embedded subnet has two more partitions then. */
const OPENSM_DEFAULT: Partition[] = [{
  name: "Default",
  pkey: DEFAULT_PARTITION,
  ipoib: { ...IPOIB_DEFAULTS, mtu: 4 },
  members: [{ port: "ALL", membership: "full" }],
}];

/** The expected errors of the malformed files. */
const ERRORS: Record<string, string> = {
  "malformed_head.conf":
    "malformed_head.conf:3:21: The definition has no ports: expected `:`",
  "malformed_port.conf":
    'malformed_port.conf:2:50: "host2" is not a port: expected a port GUID',
};

function textOf(file: string): string {
  return Deno.readTextFileSync(new URL(`partitions/${file}`, folder));
}

/** Sends a Get request to the manager and returns the response. */
function get(
  fabric: RecordedFabric,
  port: number,
  fields: Partial<SaMad>,
): SaMad {
  const mad = SaMad.emit(SaMad.of({
    method: Method.Get,
    transactionId: 1n,
    attributeId: SaAttribute.McMemberRecord,
    smKey: 1n,
    ...fields,
  }));
  return SaMad.parse(fabric.exchange(port, mad)!)!;
}

/** Returns the P_Key tables of the manager, by an SA query, and of the ports, from their welcomes. */
function pkeysOf(fabric: RecordedFabric): number[][] {
  const answer = get(fabric, 1, {
    attributeId: SaAttribute.PkeyTableRecord,
    componentMask: 1n,
    data: Uint8Array.of(0, 1),
  });
  assertEquals(answer.status, 0);
  // The P_Keys follow LID, block and port number.
  const table = new DataView(answer.data.buffer, answer.data.byteOffset + 8);
  const manager = Array.from(
    { length: PKEYS_PER_BLOCK },
    (_, i) => table.getUint16(2 * i),
  ).filter((pkey) => pkey !== 0);
  return [manager, ...PORTS.map((n) => fabric.port(n).welcome.pkeys)];
}

/** Returns the groups from SA queries of the ports, or from the snapshot if no port is a member of the partition. */
function groupsOf(fabric: RecordedFabric): Partial<RecordedGroup>[] {
  return fabric.rig.snapshot.groups.map(({ mgid, mlid, pkey, qkey }) => {
    for (const n of PORTS) {
      const answer = get(fabric, n, {
        smKey: 0n,
        componentMask: McMask.Mlid,
        data: McMemberRecord.emit(McMemberRecord.of({ mlid })),
      });
      if (answer.status !== 0) continue;
      const record = McMemberRecord.parse(answer.data)!;
      const { mtu, rate, lifetime, sl, flowLabel } = record;
      const { hopLimit, tclass, scope } = record;
      assertEquals(formatGid(record.mgid), mgid);
      return {
        ...{ mgid, mlid, pkey, qkey, mtu, rate, lifetime, sl, flowLabel },
        ...{ hopLimit, tclass, scope },
      };
    }
    return { mgid, mlid, pkey, qkey };
  });
}

Deno.test("the recording has at least eight files, of which two are malformed", () => {
  const files = results.filter(({ file }) => file !== null);
  assert(files.length >= 8);
  assertEquals(
    files.filter(({ rejected }) => rejected).map(({ file }) => file),
    Object.keys(ERRORS),
  );
});

Deno.test("OpenSM's default partition gives OpenSM's P_Key tables and groups without a file", () => {
  const fabric = new RecordedFabric(OPENSM_DEFAULT);
  assertEquals(pkeysOf(fabric), withoutFile.pkeys);
  assertEquals(groupsOf(fabric), withoutFile.groups);
});

for (const { file, rejected, pkeys, groups } of results) {
  if (file === null) continue;
  if (rejected) {
    Deno.test(`${file} is refused, as by OpenSM`, () => {
      // OpenSM uses its defaults instead.
      assertEquals([pkeys, groups], [withoutFile.pkeys, withoutFile.groups]);
      const fabric = new RecordedFabric(OPENSM_DEFAULT);
      const error = assertThrows(
        () => parsePartitionsConf(textOf(file), file),
        IpoibError,
        ERRORS[file],
      );
      assertEquals([error.code, error.errno], ["E_PARTITIONS_CONF", 22]);
      assertEquals(pkeysOf(fabric), pkeys);
      assertEquals(groupsOf(fabric), groups);
    });
    continue;
  }
  Deno.test(`${file} gives OpenSM's P_Key tables and groups`, () => {
    const { partitions } = parsePartitionsConf(textOf(file), file);
    const fabric = new RecordedFabric(partitions);
    assertEquals(pkeysOf(fabric), pkeys);
    groupsOf(fabric).forEach((group, i) => {
      const recorded: Record<string, unknown> = { ...groups[i] };
      for (const [field, value] of Object.entries(group)) {
        assertEquals(value, recorded[field], `${field} of ${group.mgid}`);
      }
    });
    assertEquals(fabric.rig.snapshot.groups.length, groups.length);
  });
  Deno.test(`${file} gives the same P_Keys and groups when it is loaded while the subnet runs`, () => {
    const fabric = new RecordedFabric(OPENSM_DEFAULT);
    const { partitions } = parsePartitionsConf(textOf(file), file);
    fabric.rig.manager.reload(partitions, 0);
    fabric.rig.pump();
    // P_Keys keep their index, so the order is not compared.
    const tables = PORTS.map((n) => {
      const port = fabric.port(n);
      const table = port.events.at(-1)?.pkeys ?? port.welcome.pkeys;
      return table.filter((pkey) => pkey !== 0).sort();
    });
    assertEquals(tables, pkeys.slice(1).map((table) => table.toSorted()));
    assertEquals(
      fabric.rig.snapshot.groups.map(({ mgid }) => mgid).sort(),
      groups.map(({ mgid }) => mgid).sort(),
    );
  });
}
