/** Parameters of the driver: their list, the checks of values, and the log lines that levels enable. */

import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { Errno } from "../../../src/base/errno.ts";
import type { LogLevel } from "../../../src/base/log_level.ts";
import { IpoibError } from "../../../src/base/errors.ts";
import { type Host, ip, ipv4Frame, logLines, Rig } from "../../ipoib/rig.ts";
import { run } from "./support.ts";

/** Returns the debug levels of the driver. */
function levels(host: Host): Record<string, number | string> {
  const records = run(host, "param.show").filter(({ param }) =>
    param.endsWith("debug_level")
  );
  return Object.fromEntries(records.map(({ param, value }) => [param, value]));
}

function set(host: Host, param: string, value: string): void {
  run(host, "param.set", { param, value });
}

/** Returns the distinct beginnings of the lines that `act` logs, up to the first digit, colon or "ff". */
function logged(act: () => void): string[] {
  logLines.length = 0;
  act();
  const texts = logLines.map((line) =>
    line.replace(/^ib1: /, "").replace(/ ?(ff12|0x|\d|fe80|client).*/, "")
  );
  return [...new Set(texts)].sort();
}

Deno.test("param.show returns the parameters of the driver, param.set changes the levels as sysfs does", () => {
  const rig = new Rig();
  const host = rig.host();
  assertEquals(
    run(host, "param.show").map(({ param, writable }) => [param, writable]),
    [
      ["send_queue_size", false],
      ["recv_queue_size", false],
      ["debug_level", true],
      ["mcast_debug_level", true],
      ["data_debug_level", true],
      ["log_level", true],
    ],
  );
  const off = {
    "debug_level": 0,
    "mcast_debug_level": 0,
    "data_debug_level": 0,
  };
  assertEquals(levels(host), off);
  set(host, "mcast_debug_level", "1");
  set(host, "debug_level", "0x10");
  set(host, "data_debug_level", "-1");
  assertEquals(levels(host), {
    "debug_level": 16,
    "mcast_debug_level": 1,
    "data_debug_level": -1,
  });
  const refusals = [
    ["debug_level", "much"],
    ["recv_queue_size", "512"],
    ["constructor", "1"],
  ].map(([param, value]) => {
    const { code, errno } = assertThrows(
      () => set(host, param!, value!),
      IpoibError,
    );
    return [code, errno];
  });
  assertEquals(refusals, [
    ["E_VALUE", 22],
    ["E_FILE_MODE", 13],
    ["E_NO_FILE", 2],
  ]);
});

Deno.test("mcast_debug_level logs joins and leaves in the driver's wording, and 0 logs none", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  const joinAndLeave = () => {
    a.netdev.config.join(ip("239.1.1.1"));
    rig.settle();
    a.netdev.config.leave(ip("239.1.1.1"));
    rig.settle();
  };
  assertEquals(logged(joinAndLeave), []);
  set(a, "mcast_debug_level", "1");
  assertEquals(logged(joinAndLeave), [
    "adding multicast entry for mgid",
    "deleting multicast group",
    "join completion for",
    "joining MGID",
    "leaving MGID",
  ]);
  set(a, "mcast_debug_level", "0");
  assertEquals(logged(joinAndLeave), []);
});

Deno.test("debug_level logs path queries and port events, data_debug_level logs packets", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const talk = () => a.send(ipv4Frame("10.0.0.1", "10.0.0.2"));
  set(a, "debug_level", "1");
  assertEquals(logged(talk), ["PathRec LID", "Start path record lookup for"]);
  const reregister = () => {
    a.port.emit({ type: "client_reregister" });
    rig.settle();
  };
  assertEquals(logged(reregister), [
    "Event",
    "PathRec LID",
    "Start path record lookup for",
  ]);
  set(a, "debug_level", "0");
  assertEquals(logged(talk), []);
  set(a, "data_debug_level", "1");
  assertEquals(
    logged(() => {
      talk();
      b.send(ipv4Frame("10.0.0.2", "10.0.0.1"));
    }),
    ["received", "sending packet, length="],
  );
});

Deno.test("param.set log_level changes the minimum level of the log, and refuses other words", () => {
  const host = new Rig().host();
  const log = { level: "info" as LogLevel };
  run(host, "param.set", { param: "log_level", value: "debug" }, { log });
  assertEquals(log.level, "debug");
  const { errno, hint } = assertThrows(
    () =>
      run(host, "param.set", { param: "log_level", value: "loud" }, { log }),
    IpoibError,
    'Invalid value "loud" for log_level',
  );
  assertEquals([errno, log.level], [Errno.EINVAL, "debug"]);
  assertStringIncludes(hint!, "warning");
});
