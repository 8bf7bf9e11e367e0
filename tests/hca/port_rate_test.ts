import { assertEquals } from "@std/assert";
import {
  portRateCode,
  type PortSpeed,
  staticRate,
} from "../../src/hca/port_rate.ts";

const SDR: PortSpeed = { activeWidth: 4, laneMbps: 2500 };
const FDR10: PortSpeed = { activeWidth: 4, laneMbps: 10_000 };
const FDR: PortSpeed = { activeWidth: 4, laneMbps: 14_000 };
const EDR: PortSpeed = { activeWidth: 4, laneMbps: 25_000 };
const XDR: PortSpeed = { activeWidth: 4, laneMbps: 200_000 };
/** 2.4 Tb/s, which has no code. */
const XDR_12X: PortSpeed = { activeWidth: 12, laneMbps: 200_000 };

Deno.test("portRateCode() returns the code of the port's rate, if it has one", () => {
  assertEquals([SDR, FDR10, FDR, EDR, XDR, XDR_12X].map(portRateCode), [
    ...[3, 7, 12, 16, 23],
    undefined,
  ]);
});

Deno.test("staticRate() is 0 for a path that is at least as fast as the port, and its code for a slower one", () => {
  const cases: [string, PortSpeed, number, number][] = [
    ["the port's rate", EDR, 16, 0],
    ["a faster path", EDR, 17, 0],
    ["a slower path", EDR, 7, 7],
    ["a code greater than the port's, of a slower path", EDR, 20, 20],
    ["a code less than the port's, of a faster path", FDR, 10, 0],
    ["a nominal rate above the port's, of less data", FDR, 8, 8],
    ["the port's rate", FDR10, 7, 0],
    ["the port's rate", XDR, 23, 0],
    ["a slower path", XDR, 21, 21],
    ["a slower path", XDR_12X, 25, 25],
    ["an undefined code", EDR, 0, 0],
    ["an undefined code", EDR, 63, 0],
  ];
  for (const [name, port, code, expected] of cases) {
    assertEquals(staticRate(code, port), expected, `${name}, code ${code}`);
  }
});
