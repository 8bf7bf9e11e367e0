import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import * as v from "valibot";
import { ReplySchema, RequestSchema } from "../../src/ipc/envelope.ts";
import {
  isInterfaceName,
  isMethod,
  type Method,
  methods,
  type SubnetRecord,
} from "../../src/ipc/schema.ts";
import { LinkRecordSchema } from "../../src/ipc/schema/link_record.ts";
import { SubnetRecordSchema } from "../../src/ipc/schema/subnet_record.ts";
import {
  type SubnetSnapshot,
  SubnetSnapshotSchema,
} from "../../src/subnet/messages.ts";
import * as records from "./records.ts";

Deno.test("request, reply, parameter and result schemas never throw for any JSON value", () => {
  const names = Object.keys(methods) as Method[];
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(...names), (value, method) => {
      const checks = [
        v.safeParse(RequestSchema, value),
        v.safeParse(ReplySchema, value),
        v.safeParse(methods[method].params, value),
        v.safeParse(methods[method].result, value),
      ];
      // A scalar or an array is neither a request nor a reply.
      if (typeof value !== "object" || Array.isArray(value)) {
        assert(!checks[0]!.success && !checks[1]!.success);
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("result schemas accept the example records unchanged", () => {
  const results: Array<[Method, unknown]> = [
    ["link.show", [records.link, records.childLink]],
    ["neigh.show", records.neighbours],
    ["path.show", records.paths],
    ["mcg.show", records.groups],
    ["child.list", [records.child]],
    ["child.create", records.child],
    ["stats", [records.stats]],
    ["subnet.show", records.subnet],
    ["get", { value: "datagram" }],
  ];
  for (const [method, result] of results) {
    assertEquals(v.parse(methods[method].result, result), result);
  }
});

Deno.test("LinkRecordSchema ignores unknown members and refuses missing ones", () => {
  const newer = { ...records.link, colour: "blue" };
  assertEquals(v.parse(LinkRecordSchema, newer), records.link);
  const { gid: _, ...older } = records.link;
  assert(!v.safeParse(LinkRecordSchema, older).success);
});

Deno.test("parameter schemas refuse unknown members, invalid names and numbers out of range", () => {
  const bad: Array<[Method, unknown]> = [
    ["subnet.kill", { name: "lab" }],
    ["link.show", { name: "" }],
    ["link.show", { name: "../ib0" }],
    ["link.show", { name: "sixteen-letters-" }],
    ["link.show", { nmae: "ib0" }],
    ["child.create", { pkey: 0x10000 }],
    ["child.create", { pkey: 1.5 }],
    ["child.create", { pkey: "0x8001" }],
    ["child.create", {}],
    ["get", { name: "ib0", file: "x".repeat(5000) }],
    ["down", {}],
    ["down", null],
    ["down", []],
  ];
  for (const [method, params] of bad) {
    assert(
      !v.safeParse(methods[method].params, params).success,
      `${method} ${JSON.stringify(params)}`,
    );
  }
});

Deno.test("isMethod() is false for names of inherited properties", () => {
  assert(isMethod("link.show"));
  for (const name of ["toString", "__proto__", "constructor", ""]) {
    assert(!isMethod(name));
  }
});

Deno.test("isInterfaceName() implements the kernel's rule", () => {
  for (const name of ["ib0", "ib0.8001", "fifteen-letters", "é"]) {
    assert(isInterfaceName(name), name);
  }
  for (
    const name of [
      "",
      ".",
      "..",
      "a/b",
      "a b",
      "a:b",
      "a\0",
      "sixteen-letters-",
      "éééééééé",
    ]
  ) {
    assert(!isInterfaceName(name), name);
  }
});

Deno.test("SubnetRecord has the members of the manager's snapshot", () => {
  const snapshot: SubnetSnapshot = records.subnet satisfies SubnetRecord;
  const back: SubnetRecord = snapshot;
  assertEquals(v.parse(SubnetSnapshotSchema, back), records.subnet);
  assertEquals(
    Object.keys(SubnetRecordSchema.entries),
    Object.keys(SubnetSnapshotSchema.entries),
  );
});
