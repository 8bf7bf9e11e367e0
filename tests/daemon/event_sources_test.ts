/** The events that the daemon itself records: settings, and the embedded subnet as a port sees it. */

import { assertEquals } from "@std/assert";
import type { EventRecord } from "../../src/base/events.ts";
import { EventSink } from "../../src/base/event_sink.ts";
import { watchSettings } from "../../src/daemon/setting_events.ts";
import { SubnetEvents } from "../../src/daemon/subnet_events.ts";
import { InterfaceEvents } from "../../src/ipoib/interface_events.ts";
import { type Host, Rig } from "../ipoib/rig.ts";
import { run } from "./commands/support.ts";
import type { CommandContext } from "../../src/daemon/commands/context.ts";

function texts(events: EventRecord[]): string[] {
  return events.splice(0)
    .map(({ event, subject, old = "", new: now = "", cause = "" }) =>
      `${event} ${subject}: ${old} -> ${now}; ${cause}`
    );
}

/** Calls `change` between the comparisons of a command. Returns the events of settings. */
function changed(
  { device, events }: Host,
  command: string,
  change: () => void,
): string[] {
  events.length = 0;
  const record = watchSettings({ device } as CommandContext, command);
  change();
  record?.();
  return texts(events).filter((each) => each.startsWith("setting"));
}

Deno.test("a command that changes settings has an event for each with the old and the new value", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  assertEquals(
    changed(
      a,
      "link.set",
      () => run(a, "link.set", { name: "ib1", mtu: 1500, umcast: true }),
    ),
    [
      "setting umcast: 0 -> 1; request link.set",
      "setting administrator's mtu: unset -> 1500; request link.set",
    ],
  );
  assertEquals(
    changed(
      a,
      "coalesce.set",
      () => run(a, "coalesce.set", { values: { "rx-usecs": 16 } }),
    ),
    ["setting rx-usecs: 0 -> 16; request coalesce.set"],
  );
  assertEquals(
    changed(
      a,
      "param.set",
      () => run(a, "param.set", { param: "debug_level", value: "1" }),
    ),
    ["setting debug_level: 0 -> 1; request param.set"],
  );
  assertEquals(changed(a, "link.show", () => run(a, "link.show")), []);
});

Deno.test("the subnet manager that is missing and found again, and packet faults, have one event each", () => {
  const recorded: EventRecord[] = [];
  const sink = new EventSink({
    emit: (event) => recorded.push(event),
    now: () => 0,
    time: () => 0,
    wakeAfter: () => {},
  });
  const events = new SubnetEvents(
    new InterfaceEvents(sink, () => ({ name: "ib0", namespace: 1n })),
    "default",
  );
  // The first process of a subnet finds no manager, which is no event.
  events.managerMissing(false);
  events.registered();
  for (let i = 0; i < 3; i++) events.managerMissing(false);
  events.registered();
  events.managerMissing(true);
  events.registered();
  assertEquals(texts(recorded), [
    "manager subnet default:  -> present; the port has registered",
    "manager subnet default: present -> missing; the connection to it has ended",
    "manager subnet default: missing -> present; the port has registered with another subnet manager",
    "manager subnet default: present -> missing; it does not answer",
    "manager subnet default: missing -> present; the port has registered with another subnet manager",
  ]);
  const rule = { since: 1, seed: 7, drop: 20 };
  events.faults(undefined);
  events.faults(rule);
  events.faults({ ...rule, since: 2 });
  events.faults(undefined);
  const cause = "set in the subnet manager";
  assertEquals(texts(recorded), [
    `fault packets of the port: none -> drop 20% seed 7; ${cause}`,
    `fault packets of the port: drop 20% seed 7 -> none; ${cause}`,
  ]);
});
