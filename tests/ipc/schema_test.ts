import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import * as v from "valibot";
import { ReplySchema, RequestSchema } from "../../src/ipc/envelope.ts";
import {
  isInterfaceName,
  isMethod,
  type Method,
  methods,
} from "../../src/ipc/schema.ts";
import { FaultRequestSchema } from "../../src/ipc/schema/fault_records.ts";
import { LinkRecordSchema } from "../../src/ipc/schema/link_record.ts";
import { SubnetRecordSchema } from "../../src/ipc/schema/subnet_record.ts";
import { FaultsSchema } from "../../src/subnet/fault_messages.ts";
import { SubnetSnapshotSchema } from "../../src/subnet/messages.ts";
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

/** The parts of a valibot schema or action that determine the accepted values. */
interface Node {
  type: string;
  entries?: Record<string, Node>;
  item?: Node;
  wrapped?: Node;
  /** Of a record. */
  key?: Node;
  value?: Node;
  pipe?: Node[];
  requirement?: unknown;
  /** Returns the schema itself, if it is built later. */
  getter?: () => Node;
}

/** Returns a schema as data that assertEquals() can compare: types, members and bounds at all levels. */
function shapeOf(schema: object): unknown {
  const {
    type,
    entries,
    item,
    wrapped,
    key,
    value,
    pipe,
    requirement,
    getter,
  } = schema as Node;
  if (getter) return shapeOf(getter());
  if (pipe) return pipe.map(shapeOf);
  return {
    type,
    ...(requirement === undefined ? {} : { requirement: `${requirement}` }),
    ...(entries ? { entries: shapesOf(entries) } : {}),
    ...(item ? { item: shapeOf(item) } : {}),
    ...(wrapped ? { wrapped: shapeOf(wrapped) } : {}),
    ...(key && value ? { key: shapeOf(key), value: shapeOf(value) } : {}),
  };
}

function shapesOf(entries: Record<string, object>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(entries).map(([name, entry]) => [name, shapeOf(entry)]),
  );
}

Deno.test("SubnetRecordSchema equals the schema of the manager's snapshot", () => {
  assertEquals(shapeOf(SubnetRecordSchema), shapeOf(SubnetSnapshotSchema));
});

Deno.test("FaultRequestSchema has the members and bounds of the manager's fault rules, except since", () => {
  const { since: _, ...rule } =
    FaultsSchema.entries.settings.entries.rules.item.entries;
  const { entries } = FaultRequestSchema.getter(undefined);
  assertEquals(shapesOf(entries), shapesOf(rule));
});
