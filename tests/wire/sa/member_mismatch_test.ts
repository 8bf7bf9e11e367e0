/** Comparison of a request for a membership with a group, field by field. */

import { assertEquals } from "@std/assert";
import {
  McMask,
  McMemberRecord,
} from "../../../src/wire/sa/mc_member_record.ts";
import {
  keyMismatches,
  sizeMismatches,
} from "../../../src/wire/sa/member_mismatch.ts";
import { Selector } from "../../../src/wire/sa/selector.ts";

const GROUP = McMemberRecord.of({
  qkey: 0x0b1b,
  pkey: 0x8001,
  mtu: 4,
  rate: 3,
  mtuSelector: Selector.Exactly,
  rateSelector: Selector.Exactly,
});
const ALL = (1n << 18n) - 1n;

const KEYS: [Partial<McMemberRecord>, bigint, string[]][] = [
  [{ qkey: 1 }, McMask.Qkey, ["Q_Key", "0x00000001", "0x00000b1b"]],
  [{ pkey: 0x8002 }, McMask.Pkey, ["P_Key", "0x8002", "0x8001"]],
  [{ tclass: 9 }, McMask.Tclass, ["TClass", "9", "0"]],
  [{ sl: 3 }, McMask.Sl, ["SL", "3", "0"]],
  [{ flowLabel: 7 }, McMask.FlowLabel, ["FlowLabel", "0x00007", "0x00000"]],
  [{ hopLimit: 255 }, McMask.HopLimit, ["HopLimit", "255", "0"]],
];

for (const [fields, bit, texts] of KEYS) {
  Deno.test(`keyMismatches() returns ${texts[0]} if the component mask has it`, () => {
    const request = { ...GROUP, ...fields };
    const [field, requested, actual] = texts;
    assertEquals(keyMismatches(request, bit, GROUP), [
      { field, requested, actual },
    ]);
    assertEquals(keyMismatches(request, ALL, GROUP).length, 1);
    assertEquals(keyMismatches(request, ALL & ~bit, GROUP), []);
    assertEquals(sizeMismatches(request, ALL, GROUP), []);
  });
}

Deno.test("keyMismatches() returns every field that differs, in OpenSM's order", () => {
  const request = KEYS.reduce(
    (sum, [fields]) => ({ ...sum, ...fields }),
    GROUP,
  );
  assertEquals(
    keyMismatches(request, ALL, GROUP).map(({ field }) => field),
    ["Q_Key", "P_Key", "TClass", "SL", "FlowLabel", "HopLimit"],
  );
});

Deno.test("keyMismatches() accepts a limited P_Key of the partition, but not two", () => {
  const limited = { ...GROUP, pkey: 0x0001 };
  assertEquals(keyMismatches(limited, ALL, GROUP), []);
  assertEquals(keyMismatches(GROUP, ALL, limited), []);
  assertEquals(keyMismatches(limited, ALL, limited), [
    { field: "P_Key", requested: "0x0001", actual: "0x0001" },
  ]);
});

Deno.test("packet life time, scope and MLID are not compared", () => {
  const other = { ...GROUP, lifetime: 3, scope: 5, mlid: 0xc111 };
  assertEquals(keyMismatches(other, ALL, GROUP), []);
  assertEquals(sizeMismatches(other, ALL, GROUP), []);
});

const SIZES: [Partial<McMemberRecord>, string[]?][] = [
  [{ mtu: 5 }, ["MTU", "exactly 4096", "2048"]],
  [{ mtu: 9 }, ["MTU", "exactly code 9", "2048"]],
  [{ mtuSelector: Selector.GreaterThan }, ["MTU", "more than 2048", "2048"]],
  [{ mtuSelector: Selector.LessThan }, ["MTU", "less than 2048", "2048"]],
  [{ mtuSelector: Selector.LessThan, mtu: 5 }],
  [{ mtuSelector: Selector.Best, mtu: 1 }],
  [{ rate: 16 }, ["rate", "exactly 100 Gb/sec", "10 Gb/sec"]],
  [{ rateSelector: Selector.GreaterThan }, [
    "rate",
    "more than 10 Gb/sec",
    "10 Gb/sec",
  ]],
  [{ rateSelector: Selector.LessThan, rate: 5 }, [
    "rate",
    "less than 5 Gb/sec",
    "10 Gb/sec",
  ]],
  [{ rateSelector: Selector.GreaterThan, rate: 5 }],
  [{ rateSelector: Selector.Best, rate: 2 }],
];

Deno.test("sizeMismatches() compares MTU and rate by their selectors", () => {
  for (const [fields, texts] of SIZES) {
    const request = { ...GROUP, ...fields };
    const expected = texts
      ? [{ field: texts[0], requested: texts[1], actual: texts[2] }]
      : [];
    assertEquals(sizeMismatches(request, ALL, GROUP), expected as never);
    const without = ALL & ~McMask.MtuSelector & ~McMask.RateSelector;
    assertEquals(sizeMismatches(request, without, GROUP), []);
  }
});
