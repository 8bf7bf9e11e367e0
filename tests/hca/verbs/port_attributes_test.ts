import { assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../../src/base/errors.ts";
import { VerbsCounters } from "../../../src/hca/verbs/counters.ts";
import { Ibv } from "../../../ffi/verbs_layout.ts";
import {
  attributesAfterEvent,
  type DeviceAttributes,
  queryPort,
} from "../../../src/hca/verbs/port_attributes.ts";
import type { PortEvent } from "../../../src/hca/hca.ts";
import type { PortAttributes } from "../../../src/hca/port_attributes.ts";
import { PkeyTable } from "../../../src/hca/verbs/pkey_table.ts";
import { FakePortDevice } from "./fake_port.ts";

const before = { device: "mlx5_0", state: "active", lid: 3 } as PortAttributes;

const DEVICE: DeviceAttributes = {
  ...{ firmware: "1", ports: 1, receiveChecksum: true, sharedReceives: 0 },
  connections: true,
};

function query(
  device: FakePortDevice,
  pkeys = new PkeyTable(),
): PortAttributes {
  return queryPort(device, 1, DEVICE, false, pkeys);
}

Deno.test("queryPort() reads the speed of XDR from the member that older libraries do not have", () => {
  const device = new FakePortDevice();
  const rate = () => {
    const { activeWidth, laneMbps } = query(device);
    return [activeWidth, laneMbps];
  };
  assertEquals(rate(), [4, 25_000]);
  // A kernel that supports XDR has both members.
  device.speedEx = 32;
  assertEquals(rate(), [4, 25_000]);
  Object.assign(device, { speed: 128, speedEx: 256 });
  assertEquals(rate(), [4, 200_000]);
});

Deno.test("queryPort() returns whether the port requires a GRH", () => {
  const device = new FakePortDevice();
  assertEquals(query(device).grhRequired, false);
  device.flags = Ibv.QPF_GRH_REQUIRED;
  assertEquals(query(device).grhRequired, true);
});

Deno.test("queryPort() returns whether the connections have a shared receive queue", () => {
  const device = new FakePortDevice();
  const shared = (sharedReceives: number) =>
    queryPort(device, 1, { ...DEVICE, sharedReceives }, false, new PkeyTable())
      .capabilities.sharedReceiveQueue;
  assertEquals([shared(0), shared(100)], [false, true]);
});

Deno.test("queryPort() limits the MTUs of Omni-Path to those of InfiniBand, and takes an undefined one as the smallest", () => {
  const device = new FakePortDevice();
  const mtus = (maxMtu: number, activeMtu: number) => {
    Object.assign(device, { maxMtu, activeMtu });
    const port = query(device);
    return [port.maxMtu, port.activeMtu] as number[];
  };
  assertEquals(mtus(5, 4), [4096, 2048]);
  assertEquals(mtus(7, 6), [4096, 4096]);
  assertEquals(mtus(0, 8), [256, 256]);
});

Deno.test("queryPort() reads the P_Key table again only after events that can change it", () => {
  const device = new FakePortDevice();
  const table = new PkeyTable();
  const after = (type: Exclude<PortEvent["type"], "device_fatal">) => {
    device.pkeyQueries = 0;
    table.onEvent({ type });
    return [query(device, table).pkeys, device.pkeyQueries];
  };
  const before = [0xffff, 0x8001];
  assertEquals(query(device, table).pkeys, before);
  assertEquals(device.pkeyQueries, 2);
  const others = [
    ...["lid_change", "sm_change", "gid_change", "port_error"] as const,
    "client_reregister",
  ] as const;
  for (const type of others) assertEquals(after(type), [before, 0], type);
  device.pkeys = [0xffff, 0x8002];
  assertEquals(after("pkey_change"), [[0xffff, 0x8002], 2]);
  device.pkeys = [0xffff, 0x8003];
  assertEquals(after("port_active"), [[0xffff, 0x8003], 2]);
  assertEquals(after("lid_change")[1], 0);
});

Deno.test("a P_Key table that could not be read after its event is read by the next query", () => {
  const device = new FakePortDevice();
  const table = new PkeyTable();
  query(device, table);
  device.pkeys = [0xffff];
  device.failure = 5;
  table.onEvent({ type: "pkey_change" });
  assertThrows(() => query(device, table), IpoibError);
  device.failure = 0;
  table.onEvent({ type: "lid_change" });
  assertEquals(query(device, table).pkeys, [0xffff]);
});

Deno.test("attributesAfterEvent() returns the queried attributes", () => {
  const counted = new VerbsCounters();
  const after = { ...before, lid: 4 };
  assertEquals(attributesAfterEvent(() => after, before, counted), after);
  assertEquals(counted.get("query_failed"), 0);
});

Deno.test("attributesAfterEvent() returns a port as down that cannot be queried, and counts it", () => {
  const counted = new VerbsCounters();
  const fail = () => {
    throw new IpoibError("E_VERBS", "Cannot query port 1 of mlx5_0");
  };
  assertEquals(attributesAfterEvent(fail, before, counted), {
    ...before,
    state: "down",
  });
  assertEquals(counted.get("query_failed"), 1);
  const bug = () => {
    throw new TypeError("no");
  };
  assertThrows(() => attributesAfterEvent(bug, before, counted), TypeError);
});
