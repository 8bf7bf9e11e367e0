/** Multicast groups: joined with their first member, left with their last; other ports do not receive their packets. */

import { assert, assertEquals } from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import { fullForm } from "../../scripts/test/form.ts";
import {
  type Host,
  type Lab,
  labTest,
  pause,
  until,
  untilAnnounced,
} from "./harness/mod.ts";
import { kernelHasMembershipEvents } from "./harness/kernel.ts";

const GROUP = "239.1.2.3";
const MGID = "ff12:401b:ffff:0:0:0:f01:203";
const PORT = 5000;
const PACKETS = 20;

async function group(host: Host) {
  const groups = await host.call("mcg.show", { name: "ib0" });
  return groups.find((each) => each.mgid === MGID);
}

async function send(from: Host, text: string): Promise<void> {
  await from.run(
    ["socat", "-u", "STDIN", `UDP4-DATAGRAM:${GROUP}:${PORT}`],
    { stdin: text },
  );
}

/** Registers a test for each source of memberships. `args` are the options of `up` that select it. */
function eachSourceTest(
  name: string,
  fn: (lab: Lab, args: string[]) => Promise<void>,
): void {
  for (const source of ["proc", "rtnetlink"] as const) {
    const ignore = source === "rtnetlink" && !kernelHasMembershipEvents();
    const why = ignore
      ? " (skipped: the kernel has no IPv4 membership events)"
      : "";
    const args = ["--memberships", source];
    const title = `${name}, ${args.join(" ")}${why}`;
    labTest(title, (lab) => fn(lab, args), { ignore });
  }
}

eachSourceTest(
  "Only members of a group receive its packets",
  async (lab, args) => {
    const [sender, member, bystander] = await lab.running(3, args);
    // ARP announcements are also multicast packets.
    for (const host of [sender, member, bystander]) {
      await untilAnnounced(host);
    }
    await sender.ip("route", "add", "239.0.0.0/8", "dev", "ib0");
    const receiver = member.start(
      ...["socat", "-u"],
      `UDP4-RECV:${PORT},ip-add-membership=${GROUP}:ib0`,
      "STDOUT",
    );
    const joined = await until("the member's join", async () => {
      const each = await group(member);
      return each?.attached && each;
    });
    assertEquals([joined.send_only, joined.complete], [false, true]);

    const before = await bystander.counters();
    for (let i = 0; i < PACKETS; i++) await send(sender, `packet ${i}\n`);
    await receiver.prints(new RegExp(`packet ${PACKETS - 1}\n`));
    for (let i = 0; i < PACKETS; i++) {
      assert(receiver.output.includes(`packet ${i}\n`), receiver.output);
    }
    const after = await bystander.counters();
    for (
      const name of [
        "port_rcv_packets",
        "port_multicast_rcv_packets",
        "port_multicast_filtered",
      ]
    ) {
      assertEquals([name, after[name]], [name, before[name]]);
    }
    assertEquals(await group(bystander), undefined);
    const sent = await group(sender);
    assertEquals(
      [sent?.send_only, sent?.attached, sent?.complete],
      [true, false, true],
    );
    assertEquals(sent?.mlid, joined.mlid);
    const { stdout } = await sender.ipoib("mcg", "show");
    assert(
      stdout.split("\n").some((line) =>
        line.startsWith("ff12:401b:ffff::f01:203 ") &&
        line.includes("send_only")
      ),
      stdout,
    );

    // The interface leaves when the socket is closed.
    await receiver[Symbol.asyncDispose]();
    await until(
      "the member's leave",
      async () => !(await group(member))?.attached,
    );
  },
);

const GROUP6 = "ff15::7:8";
/** A group of each family: the address, the option of socat that joins it, and the MGID. */
const BOTH_FAMILIES = [
  [GROUP, `UDP4-RECV:5001,reuseaddr,ip-add-membership=${GROUP}:ib0`, MGID],
  [
    GROUP6,
    `UDP6-RECV:5001,reuseaddr,ipv6-join-group=[${GROUP6}]:ib0`,
    "ff12:601b:ffff:0:0:0:7:8",
  ],
] as const;

eachSourceTest(
  "A group of either family is joined with its first member and left with its last",
  async (lab, args) => {
    const [host] = await lab.running(1, args);
    const joinsOf = async (mgid: string) =>
      (await host.call("mcg.show", {})).filter((each) =>
        each.mgid === mgid && each.attached && !each.send_only
      ).length;
    const members = BOTH_FAMILIES.map(([, socket]) =>
      [0, 1].map(() => host.start("socat", "-u", socket, "STDOUT"))
    );
    for (const [i, [address, , mgid]] of BOTH_FAMILIES.entries()) {
      await until(`the join of ${mgid}`, () => joinsOf(mgid).then(Boolean));
      await until(`both members of ${address}`, async () => {
        const text = await host.ip("maddr", "show", "dev", "ib0");
        return text.includes(` ${address} users 2`);
      });
      const [first, last] = members[i]!;
      await first![Symbol.asyncDispose]();
      // Longer than the interval at which /proc is read.
      await pause(patient(1200));
      assertEquals(await joinsOf(mgid), 1);
      await last![Symbol.asyncDispose]();
      await until(
        `the leave of ${mgid}`,
        async () => await joinsOf(mgid) === 0,
      );
    }
    const { stdout } = await host.ipoib("-j", "subnet", "show");
    const groups: string[] = JSON.parse(stdout)[0].groups.map(
      ({ mgid }: { mgid: string }) => mgid,
    );
    for (const gone of ["::f01:203", "::7:8"]) {
      assert(!groups.some((mgid) => mgid.endsWith(gone)), stdout);
    }
  },
);

const idle = fullForm(
  "A send-only group is left a minute after its last packet",
);
labTest(idle.name, async (lab) => {
  const [host] = await lab.running(1);
  await host.ip("route", "add", "239.0.0.0/8", "dev", "ib0");
  const start = performance.now();
  await send(host, "one\n");
  await until("the join", async () => (await group(host))?.complete);
  await pause(50_000 - (performance.now() - start));
  assertEquals((await group(host))?.send_only, true);
  await until("the leave", async () => !(await group(host)), 60_000);
}, { ignore: idle.ignore });

labTest(
  "--max-groups limits the joined groups, and groups_refused counts the others",
  async (lab) => {
    const limit = 8;
    const [host, other] = await lab.hosts(2);
    for (const each of [host, other]) {
      // IPv6 joins its own groups at any time.
      const off = "/proc/sys/net/ipv6/conf/default/disable_ipv6";
      await each.must("sh", "-c", `echo 1 > ${off}`);
      await each.up({ args: ["--max-groups", String(limit)] });
    }
    const joined = async () => (await host.call("mcg.show", {})).length;
    const refused = async () => (await host.counters()).groups_refused;
    for (let i = 0; i < 20; i++) {
      const address = `239.9.0.${i}/32`;
      await host.ip("addr", "add", address, "dev", "ib0", "autojoin");
    }
    // Some kernels remain members of ff02::1 although IPv6 is disabled.
    const ipv6 = (await host.call("mcg.show", {}))
      .filter(({ mgid }) => mgid.includes(":601b:")).length;
    // 224.0.0.1 counts towards the limit, the broadcast group does not.
    await until(
      "the refusal of the last group",
      async () => await refused() === 13 + ipv6,
    );
    assertEquals(await joined(), 1 + limit);
    assert(await host.reaches(other));
    await host.ip("addr", "del", "239.9.0.0/32", "dev", "ib0");
    await until(
      "the join of another group",
      async () =>
        (await host.call("mcg.show", {})).some(({ mgid }) =>
          mgid.endsWith(`:f09:${7 - ipv6}`)
        ),
    );
    assertEquals(await joined(), 1 + limit);
  },
);
