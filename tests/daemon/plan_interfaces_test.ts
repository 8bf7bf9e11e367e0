import { assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import type { ChosenHcas } from "../../src/daemon/choose_hca.ts";
import { planInterfaces } from "../../src/daemon/plan_interfaces.ts";

const soft: ChosenHcas = { kind: "soft", subnet: "lab", notice: undefined };

function verbs(...ports: [device: string, port: number][]): ChosenHcas {
  return {
    kind: "verbs",
    ports: ports.map(([device, port]) => ({ kind: "verbs", device, port })),
  };
}

/** Returns the plan as text. */
function plan(names: readonly string[], hcas: ChosenHcas): string {
  return planInterfaces(names, hcas).map(({ name, hca }) =>
    hca.kind === "verbs"
      ? `${name} ${hca.device}/${hca.port}`
      : `${name} ${hca.subnet}`
  ).join(", ");
}

const two = verbs(["mlx5_0", 1], ["mlx5_1", 2]);

Deno.test("planInterfaces() without names assigns ib0, ib1, ... to the ports", () => {
  assertEquals(plan([], two), "ib0 mlx5_0/1, ib1 mlx5_1/2");
  assertEquals(plan([], verbs(["mlx5_1", 2])), "ib0 mlx5_1/2");
  assertEquals(plan([], soft), "ib0 lab");
});

Deno.test("planInterfaces() assigns names to the ports in order", () => {
  assertEquals(plan(["x", "a"], two), "x mlx5_0/1, a mlx5_1/2");
  assertEquals(plan(["ib7"], two), "ib7 mlx5_0/1");
  assertEquals(plan(["ib1", "ib0", "y"], soft), "ib1 lab, ib0 lab, y lab");
});

Deno.test("planInterfaces() refuses more names than ports, and lists the ports", () => {
  const refusal = (names: string[], hcas: ChosenHcas) => {
    const error = assertThrows(() => planInterfaces(names, hcas), IpoibError);
    return [error.code, error.errno, error.message, error.hint];
  };
  assertEquals(refusal(["a", "b", "c", "d"], two), [
    "E_HCA",
    19,
    "There are 2 ports for 4 interfaces: mlx5_0/1, mlx5_1/2",
    "omit c, d; `ipoib link add` creates another interface on a port",
  ]);
  assertEquals(refusal(["a", "b"], verbs(["mlx5_0", 1])), [
    "E_HCA",
    19,
    "There is 1 port for 2 interfaces: mlx5_0/1",
    "omit b; `ipoib link add` creates another interface on a port",
  ]);
});

Deno.test("planInterfaces() refuses one GUID for several interfaces", () => {
  const error = assertThrows(
    () => planInterfaces(["ib0", "ib1"], soft, 1n),
    IpoibError,
  );
  assertEquals([error.code, error.errno], ["E_GUID", 22]);
  assertEquals(planInterfaces(["ib0"], soft, 1n).length, 1);
});
