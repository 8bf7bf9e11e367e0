/**
 * The current code against the requests and responses of earlier versions, which `deno task record-protocol` recorded:
 * clients and processes of different versions understand each other.
 *
 * If a test fails, the change breaks a client or a process of that version: keep the member, and make new ones optional.
 */

import { assert, assertEquals } from "@std/assert";
import * as v from "valibot";
import { isMethod, methods, placeOf } from "../../src/ipc/schema.ts";
import { requiredMembers } from "./required_members.ts";

interface Recording {
  readonly version: string;
  readonly recorded: readonly {
    readonly method: string;
    readonly socket: "interface" | "subnet";
    readonly params: unknown;
    readonly result: unknown;
  }[];
  /** The members of results that clients of the version require, by method. */
  readonly required: Readonly<Record<string, readonly string[]>>;
}

const folder = new URL("../golden/protocol/", import.meta.url);
const recordings: Recording[] = [...Deno.readDirSync(folder)].map(({ name }) =>
  JSON.parse(Deno.readTextFileSync(new URL(name, folder)))
);

for (const { version, recorded, required } of recordings) {
  Deno.test(`requests of clients of version ${version} are understood`, () => {
    for (const { method, socket, params } of recorded) {
      assert(isMethod(method), `method ${method} is gone`);
      assert(placeOf(socket, method), `${socket} does not serve ${method}`);
      const parsed = v.safeParse(methods[method].params, params);
      assert(parsed.success, `parameters of ${method}`);
      assertEquals(parsed.output, params);
    }
  });

  Deno.test(`responses of processes of version ${version} are understood, with all their members`, () => {
    for (const { method, result } of recorded) {
      assert(isMethod(method));
      const parsed = v.safeParse(methods[method].result, result);
      const [issue] = parsed.issues ?? [];
      assert(
        parsed.success,
        `${method}: ${issue && v.getDotPath(issue)}: ${issue?.message}`,
      );
      assertEquals(parsed.output, result);
    }
  });

  Deno.test(`responses have all members that clients of version ${version} require`, () => {
    for (const [method, paths] of Object.entries(required)) {
      assert(isMethod(method));
      const present = requiredMembers(methods[method].result);
      const missing = paths.filter((path) => !present.includes(path));
      assertEquals(missing, [], method);
    }
  });
}

Deno.test("responses with members of a later version are understood", () => {
  const { recorded } = recordings[0]!;
  for (const { method, result } of recorded) {
    assert(isMethod(method));
    const later = extend(result);
    assert(v.safeParse(methods[method].result, later).success, method);
  }
});

Deno.test("a response that lacks a required member is refused, so the recordings test something", () => {
  const members = requiredMembers(methods["link.show"].result);
  assert(members.includes("[].linkinfo.info_kind"));
  assert(!members.includes("[].ifalias"));
});

/** Adds a member to each object. */
function extend(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(extend);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, each]) =>
    [key, extend(each)] as const
  );
  return { ...Object.fromEntries(entries), "of a later version": 1 };
}
