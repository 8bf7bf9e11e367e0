import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  ClassPortInfo,
  SA_CAP2_SENDONLY_FULL_MEMBER,
  SA_CAP_UD_MULTICAST,
} from "../../../src/wire/sa/class_port_info.ts";
import { InformInfo } from "../../../src/wire/sa/inform_info.ts";
import {
  BROADCAST_JOIN_MASK,
  GROUP_JOIN_MASK,
  JoinState,
  LEAVE_MASK,
  McMemberRecord,
} from "../../../src/wire/sa/mc_member_record.ts";
import { Notice, TrapNumber } from "../../../src/wire/sa/notice.ts";
import {
  IPOIB_PATH_MASK,
  PathRecord,
} from "../../../src/wire/sa/path_record.ts";
import { Selector } from "../../../src/wire/sa/selector.ts";
import { hex, prefilled } from "../support.ts";
import { emitInformInfo, informTrap, parseNotice } from "./subscriber.ts";

const MGID = hex("ff12401bffff000000000000ffffffff");
const GID_A = hex("fe800000000000000002c90300000001");
const GID_B = hex("fe800000000000000002c90300000002");

interface Format<T> {
  parse(data: Uint8Array): T | undefined;
  emit(record: T): Uint8Array;
}

/**
 * Registers three tests of a record format: it emits the golden bytes, parses them, and emits any bytes again that it
 * has parsed. `reserved` clears the reserved bits of the bytes.
 */
function checkFormat<T>(
  name: string,
  format: Format<T>,
  record: T,
  golden: Uint8Array,
  reserved: (bytes: Uint8Array) => void,
): void {
  Deno.test(`${name} is emitted as the golden bytes`, () => {
    assertEquals(format.emit(record), golden);
  });

  Deno.test(`${name} is parsed from the golden bytes at any offset`, () => {
    assertEquals(format.parse(golden), record);
    const shifted = prefilled(golden.length + 6);
    shifted.set(golden, 5);
    assertEquals(format.parse(shifted.subarray(5)), record);
  });

  Deno.test(`${name} survives a round trip of any bytes`, () => {
    const { length } = golden;
    const records = fc.uint8Array({ minLength: length, maxLength: length });
    fc.assert(fc.property(records, (bytes) => {
      reserved(bytes);
      assertEquals(format.emit(format.parse(bytes)!), bytes);
    }));
  });
}

Deno.test("records refuse truncated bytes", () => {
  for (
    const [length, parse] of [
      [64, PathRecord.parse],
      [52, McMemberRecord.parse],
      [36, InformInfo.parse],
    ] as const
  ) {
    assertEquals(parse(new Uint8Array(length - 1)), undefined);
  }
});

checkFormat(
  "PathRecord",
  PathRecord,
  {
    serviceId: 0x0102030405060708n,
    dgid: GID_B,
    sgid: GID_A,
    dlid: 3,
    slid: 2,
    rawTraffic: true,
    flowLabel: 0xabcde,
    hopLimit: 64,
    tclass: 0x10,
    reversible: true,
    numbPath: 1,
    pkey: 0xffff,
    qosClass: 0x123,
    sl: 4,
    mtuSelector: Selector.Exactly,
    mtu: 4,
    rateSelector: Selector.Exactly,
    rate: 16,
    lifetimeSelector: Selector.Exactly,
    lifetime: 18,
    preference: 7,
  },
  hex(
    "0102030405060708" +
      "fe800000000000000002c90300000002 fe800000000000000002c90300000001" +
      "0003 0002 8abcde40 10 81 ffff 1234 84 90 92 07 000000000000",
  ),
  (bytes) => {
    bytes[44]! &= 0x8f;
    bytes.fill(0, 58);
  },
);

checkFormat(
  "McMemberRecord",
  McMemberRecord,
  {
    mgid: MGID,
    portGid: GID_A,
    qkey: 0x00000b1b,
    mlid: 0xc000,
    mtuSelector: Selector.Exactly,
    mtu: 4,
    tclass: 0x20,
    pkey: 0xffff,
    rateSelector: Selector.Exactly,
    rate: 3,
    lifetimeSelector: Selector.Exactly,
    lifetime: 18,
    sl: 9,
    flowLabel: 0x12345,
    hopLimit: 255,
    scope: 2,
    joinState: JoinState.FullMember,
    proxyJoin: true,
  },
  hex(
    "ff12401bffff000000000000ffffffff fe800000000000000002c90300000001" +
      "00000b1b c000 84 20 ffff 83 92 912345ff 21 80 0000",
  ),
  (bytes) => {
    bytes[49]! &= 0x80;
    bytes.fill(0, 50);
  },
);

Deno.test("ClassPortInfo.emit() writes the golden bytes", () => {
  const info = ClassPortInfo.emit({
    classVersion: 2,
    capabilityMask: SA_CAP_UD_MULTICAST,
    capabilityMask2: SA_CAP2_SENDONLY_FULL_MEMBER,
    respTimeValue: 18,
    redirectQpn: 0x030201,
    redirectQkey: 0x04050607,
    trapQkey: 0x08090a0b,
  });
  const golden = hex(
    "01 02 0200 00020012" + "00".repeat(24) + "00030201 04050607" +
      "00".repeat(28) + "08090a0b",
  );
  assertEquals(info, golden);
});

checkFormat(
  "InformInfo",
  { parse: InformInfo.parse, emit: emitInformInfo },
  informTrap(TrapNumber.McGroupCreated),
  hex(
    "00000000000000000000000000000000 ffff 0000 0000 01 01 ffff 0042" +
      "00000100 00 ffffff",
  ),
  (bytes) => {
    bytes.fill(0, 20, 22);
    bytes[22]! &= 1;
    bytes[23]! &= 1;
    bytes[31]! &= 31;
    bytes[32] = 0;
  },
);

checkFormat(
  "Notice",
  { parse: parseNotice, emit: Notice.emit },
  Notice.aboutGid(TrapNumber.McGroupDeleted, MGID, 1, GID_A),
  hex(
    "83000004 0043 0001 0000 000000000000 ff12401bffff000000000000ffffffff" +
      "00".repeat(32) + "fe800000000000000002c90300000001",
  ),
  () => {},
);

Deno.test("component masks equal those of ib_ipoib", () => {
  assertEquals(IPOIB_PATH_MASK, 0x340cn);
  assertEquals(BROADCAST_JOIN_MASK, 0x10083n);
  assertEquals(GROUP_JOIN_MASK, 0x173f7n);
  assertEquals(LEAVE_MASK, 0x10003n);
});
