/** Command `doctor` of the data worker: the administrator's reply, the broadcast group, conflicts and the route. */

import { assertEquals } from "@std/assert";
import * as v from "valibot";
import { IpoibError } from "../../../src/base/errors.ts";
import { dataCommands } from "../../../src/daemon/data_commands.ts";
import { runCommand } from "../../../src/daemon/thread/commands.ts";
import { type DoctorRecord, methods } from "../../../src/ipc/schema.ts";
import { ArpOperation } from "../../../src/wire/arp.ts";
import { type Host, ip, Rig } from "../../ipoib/rig.ts";
import { captures, childDevices } from "./support.ts";

/** Runs the command for ten seconds. Asserts that the schema contains every member of the result. */
function examine(
  host: Host,
  params: { name?: string; peer?: string } = {},
  during: () => void = () => {},
): DoctorRecord | IpoibError {
  const { device, port, memberships, sa, rig } = host;
  let answer: unknown;
  const context = {
    ...{ device, port, memberships, sa, reactor: rig.reactor, subnet: "lab" },
    children: childDevices,
    captures,
    log: { level: "info" as const },
    showSubnet: () => {},
  };
  try {
    runCommand(
      dataCommands,
      context,
      "doctor",
      params,
      (result) => answer = result,
      (error) => answer = error,
    );
  } catch (error) {
    return IpoibError.from(error);
  }
  rig.settle();
  during();
  rig.advance(10_000);
  const sent = JSON.parse(JSON.stringify(answer));
  const parsed = v.parse(methods.doctor.result, sent);
  assertEquals(parsed as unknown, sent, "the schema has all members");
  return parsed;
}

Deno.test("doctor returns the broadcast group of the administrator and the port's table", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  const record = examine(a) as DoctorRecord;
  assertEquals(record.ifname, a.link.name);
  assertEquals(record.administrator.error, undefined);
  assertEquals(record.broadcast?.mgid, "ff12:401b:ffff::ffff:ffff");
  assertEquals(record.broadcast_mgid, record.broadcast?.mgid);
  assertEquals([record.broadcast?.mtu, record.broadcast?.qkey], [2048, 0x0b1b]);
  assertEquals(record.port.pkeys.includes(0xffff), true);
  assertEquals(record.conflicts, []);
  assertEquals("route" in record, false);
  rig.check();
});

Deno.test("doctor lists other hosts that answer for the addresses, and the route to a peer", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const record = examine(a, { peer: "10.0.0.2" }, () => {
    a.receiveArp(b, {
      operation: ArpOperation.Reply,
      senderAddress: b.address,
      senderIp: ip("10.0.0.1"),
      targetAddress: a.address,
      targetIp: 0,
    });
  }) as DoctorRecord;
  assertEquals(record.conflicts.map(({ address }) => address), ["10.0.0.1"]);
  assertEquals(record.route, { type: "unicast", next_hops: ["10.0.0.2"] });
});

Deno.test("doctor says why the administrator is not asked", () => {
  const rig = new Rig();
  const host = rig.host({ register: false });
  const { administrator, broadcast } = examine(host) as DoctorRecord;
  assertEquals([administrator, broadcast], [
    { error: "the port is init" },
    undefined,
  ]);
});

Deno.test("doctor refuses a peer that is not an IP address, and an unknown interface", () => {
  const [a] = new Rig().pair();
  assertEquals(
    [{ peer: "host" }, { name: "ib9" }].map((params) =>
      (examine(a, params) as IpoibError).code
    ),
    ["E_ADDRESS", "E_NO_INTERFACE"],
  );
});
