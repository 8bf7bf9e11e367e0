/**
 * The package in a clean Debian system: it is installed, runs, and is removed without a trace, without systemd, and as in
 * walk_through.ts in two machines with it.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { RIG_TOOLS } from "../../scripts/rig/tools.ts";
import { FULL, fullTest } from "../../scripts/test/form.ts";
import { obstacle } from "../../scripts/test/suites.ts";
import { thisHost } from "../../scripts/test/this_host.ts";
import { CleanRoot, INSTALL } from "./clean_root.ts";
import { bootContainer, type BootedMachine, bootVm } from "./machines.ts";
import { ProgramPackage } from "./support.ts";
import { prepare, type Walk, walkThrough } from "./walk_through.ts";

const STEPS =
  "units start with the boot, are confined, come back after SIGKILL, are upgraded under a TCP stream, and end with the package";
const SOFT = { name: "ib0", hca: "soft:default", peerHca: "soft:default" };
/** Interfaces on two embedded subnets. */
const CONTAINER: Walk = {
  interfaces: [SOFT, { name: "ib1", hca: "soft:other", peerHca: "soft:other" }],
  nextHops: "a program in the kernel",
};
/** One of them on a device. Linux 6.1 does not run the program for next hops. */
const VM: Walk = {
  interfaces: [SOFT, { name: "ib1", hca: "ibx1/1", peerHca: "ibx0/1" }],
  nextHops: "routes",
};
/** What the virtual machine needs. */
const VM_NEEDS = {
  ...{ name: "package", paths: [], permissions: [] },
  ...{ guests: true, tools: RIG_TOOLS },
};

const program = new ProgramPackage();
Deno.test.afterAll(() => program[Symbol.asyncDispose]());

const file = (host: number) =>
  `[Interface]\\nhca = soft\\naddress = 10.9.0.${host}/24\\n` +
  `[Child]\\npkey = 0x8001\\naddress = 10.8.0.${host}/24\\n`;

fullTest(
  "the package is installed in a clean system, connects two hosts with configuration files, and leaves nothing behind",
  async () => {
    await using root = await CleanRoot.open(await program.path());
    const { code, stdout, stderr } = await root.shell(`
${INSTALL}
ipoib --version
printf '${file(1)}' > /etc/ipoib/ib0.conf
printf '${file(2)}' > /srv/ib0.conf
ipoib check-config
mkdir -p /run/netns
ip netns add h1
ip netns add h2
ip netns exec h1 ipoib up ib0 --background
ip netns exec h2 ipoib up --config /srv/ib0.conf --background
ip netns exec h1 ping -q -c 5 10.9.0.2 | grep received
ip netns exec h1 ping -q -c 5 10.8.0.2 | grep received
ipoib -n h1 showconf
ipoib -n h1 down ib0
ipoib -n h2 down ib0
apt-get remove -q -y ipoib > /dev/null
echo kept: /etc/ipoib/*
rm /etc/ipoib/ib0.conf
apt-get purge -q -y ipoib > /dev/null
echo left: $(find / -xdev -name '*ipoib*' ! -path '/proc/*' ! -path '/sys/*') $(ls /run/ipoib 2>/dev/null)
`);
    assertEquals(code, 0, stdout + stderr);
    const lines = stdout.trimEnd().split("\n");
    assertMatch(lines[0]!, /^ipoib [0-9.]+$/);
    assertEquals(
      lines.filter((line) => /received/.test(line)).map((line) =>
        /\d received/.exec(line)?.[0]
      ),
      ["5 received", "5 received"],
    );
    assert(stdout.includes("[Child]\npkey = 0x8001\naddress = 10.8.0.1/24"));
    assertEquals(lines.slice(-2), [
      "kept: /etc/ipoib/ib0.conf",
      "left: /srv/ipoib.deb",
    ]);
  },
);

/** Takes the steps of the walk-through in a machine. */
async function takeSteps(
  boot: (root: CleanRoot) => Promise<BootedMachine>,
  walk: Walk,
): Promise<void> {
  await using root = await CleanRoot.open(await program.path());
  await prepare(root, walk);
  await using machine = await boot(root);
  await walkThrough(machine.guest, walk);
}

fullTest(
  `in a container with two embedded subnets, ${STEPS}`,
  () => takeSteps(bootContainer, CONTAINER),
);

const title = `in a virtual machine with an InfiniBand device, ${STEPS}`;
const missing = FULL ? obstacle(VM_NEEDS, await thisHost()) : undefined;
if (missing === undefined) fullTest(title, () => takeSteps(bootVm, VM));
else Deno.test.ignore(`${title} (skipped: ${missing})`, () => {});
