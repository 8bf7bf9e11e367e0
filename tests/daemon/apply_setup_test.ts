import { assertEquals } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import { applySetup } from "../../src/daemon/apply_setup.ts";
import type { SetupCall, SetupStep } from "../../src/ipc/setup.ts";

const step = (line: number, ifname: string, call: SetupCall): SetupStep => ({
  ...call,
  ...{ where: `ib0.conf:${line}`, ifname },
});

const logTo = (lines: string[]) => ({
  error: (text: string) => void lines.push(text),
  info: (text: string) => void lines.push(text),
});

Deno.test("applySetup() logs a refused setting with its line and applies the others, but not those of a missing child", async () => {
  const steps = [
    step(2, "ib0", { method: "link.set", params: { name: "ib0", mtu: 1500 } }),
    step(3, "ib0.8001", {
      method: "child.create",
      params: { parent: "ib0", pkey: 0x8001 },
    }),
    step(4, "ib0.8001", {
      method: "link.set",
      params: { name: "ib0.8001", up: true },
    }),
    step(5, "ib0", {
      method: "route.add",
      params: { name: "ib0", dst: "10.0.0.0/8" },
    }),
  ];
  const called: string[] = [];
  const log: string[] = [];
  await applySetup(
    steps,
    [],
    ({ method }) => {
      called.push(method);
      return method === "child.create" || method === "route.add"
        ? Promise.reject(
          new IpoibError("E_X", `Cannot ${method}`, { hint: "remedy" }),
        )
        : Promise.resolve();
    },
    logTo(log),
    "configuration ib0.conf",
  );
  assertEquals(called, ["link.set", "child.create", "route.add"]);
  assertEquals(log, [
    "ib0.conf:3: Cannot child.create (remedy)",
    "ib0.conf:5: Cannot route.add (remedy)",
    "configuration ib0.conf applied, except 3 settings",
  ]);
});

Deno.test("applySetup() does not create a child that exists, and applies its settings", async () => {
  const steps = [
    step(3, "blue", {
      method: "link.add",
      params: { link: "ib0", name: "blue", pkey: 2 },
    }),
    step(4, "blue", { method: "link.set", params: { name: "blue", up: true } }),
  ];
  const called: string[] = [];
  const log: string[] = [];
  await applySetup(
    steps,
    ["blue"],
    ({ method }) => {
      called.push(method);
      return Promise.resolve();
    },
    logTo(log),
    "configuration ib0.conf",
  );
  assertEquals(called, ["link.set"]);
  assertEquals(log, ["configuration ib0.conf applied"]);
});
