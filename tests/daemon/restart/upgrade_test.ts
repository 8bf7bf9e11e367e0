/** The order in which a new process completes a takeover. */

import { assertEquals } from "@std/assert";
import { IpoibError } from "../../../src/base/errors.ts";
import { InterfaceGroup } from "../../../src/daemon/interface_group.ts";
import type {
  TakenInterface,
  Takeover,
} from "../../../src/daemon/restart/take_over.ts";
import {
  Upgrade,
  type UpgradedMember,
} from "../../../src/daemon/restart/upgrade.ts";
import type { UpOptions } from "../../../src/ipc/up_options.ts";

const options: UpOptions = {
  ...{ names: ["ib0"], pkeyIndex: 0, mode: "datagram", io: "auto" },
  ...{ memberships: "auto", nextHops: "auto", log: "info", roce: false },
  ...{ hca: { kind: "soft", subnet: "default" }, background: false },
};

/** Completes a takeover in which `step` fails. Returns the steps, and the reason with which the interface ends. */
async function complete(step?: string): Promise<unknown[]> {
  const steps: unknown[] = [];
  const run = (name: string) => {
    steps.push(name);
    return name === step
      ? Promise.reject(new IpoibError("E_TEST", name))
      : Promise.resolve();
  };
  const member = {
    ...{ name: "ib0", restored: Promise.resolve() },
    ready: () => run("ready"),
    takeOver: () => run("take over"),
    end: (reason: unknown) => steps.push(reason),
  } as Partial<UpgradedMember> as UpgradedMember;
  const taken = { name: "ib0", running: true } as TakenInterface;
  const takeover = {
    interfaces: [taken],
    whileAwaited: (ready: Promise<unknown>) => ready,
    running: () => run("running"),
  } as Partial<Takeover> as Takeover;
  const upgrade = new Upgrade(options, {
    ...{ runtime: "/nowhere", notifySocket: undefined, logPath: undefined },
    ...{ takeover, interfaces: () => [member] },
  });
  upgrade.onTaken = () => steps.push("taken");
  const group = new InterfaceGroup([member]);
  await upgrade.complete(takeover, group);
  if (upgrade.failure) steps.push(upgrade.failure.message);
  return steps;
}

Deno.test("a new process replaces the control sockets after the old one has accepted", async () => {
  const all = ["ready", "running", "take over"];
  assertEquals(await complete(), [...all, "taken"]);
  for (const [i, step] of all.entries()) {
    const end = ["failure", step];
    assertEquals(await complete(step), [...all.slice(0, i + 1), ...end]);
  }
});
