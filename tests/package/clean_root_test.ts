/** The package in a clean Debian system: it is installed, runs, boots interfaces, and is removed without a trace. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { fullTest } from "../../scripts/test/form.ts";
import { CleanRoot } from "./clean_root.ts";

const INSTALL =
  "apt-get install -q -y --no-install-recommends /srv/ipoib.deb > /dev/null";
const file = (host: number) =>
  `[Interface]\\nhca = soft\\naddress = 10.9.0.${host}/24\\n` +
  `[Child]\\npkey = 0x8001\\naddress = 10.8.0.${host}/24\\n`;

fullTest(
  "the package is installed in a clean system, connects two hosts with configuration files, and leaves nothing behind",
  async () => {
    await using root = await CleanRoot.open();
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

fullTest(
  "units start with the boot, are confined, come back after SIGKILL with their addresses, and end with the package",
  async () => {
    await using root = await CleanRoot.open();
    const prepared = await root.shell(`
${INSTALL}
printf '${file(1)}' > /etc/ipoib/ib0.conf
printf '[Interface]\\nmtu = 3\\n' > /etc/ipoib/ib1.conf
systemctl enable --quiet ipoib@ib0 ipoib@ib1 ipoib-subnet@default
`);
    assertEquals(prepared.code, 0, prepared.stdout + prepared.stderr);
    const output = await root.boot(`
active() { echo "$1 $(systemctl is-active ipoib@ib0 ipoib@ib1 ipoib-subnet@default | tr '\\n' ' ')"; }
addresses() { echo "$1 $(ip -4 -br address show | tr -s ' \\n' ' ')"; }
active booted
addresses booted
pid=$(systemctl show --property=MainPID --value ipoib@ib0)
grep -E '^(CapBnd|NoNewPrivs|Seccomp):' /proc/$pid/status
ipoib -d link show ib0 | grep 'next hops'
systemctl show --property=ExecMainStatus,NRestarts ipoib@ib1
systemctl reload ipoib-subnet@default && echo reloaded
kill -KILL $pid
for i in $(seq 300); do
  systemctl is-active --quiet ipoib@ib0 && [ "$(systemctl show --property=MainPID --value ipoib@ib0)" != $pid ] && break
  sleep 0.1
done
addresses killed
echo log $(journalctl --output=cat --unit=ipoib@ib1 | grep -c 'ib1.conf:2:7')
apt-get remove -q -y ipoib > /dev/null
active removed
addresses removed
ls -d /run/ipoib
`);
    const lines = output.trimEnd().split("\n").map((line) => line.trim());
    const two = "ib0 UP 10.9.0.1/24 ib0.8001 UP 10.8.0.1/24";
    assertEquals(lines, [
      "booted active failed active",
      `booted lo UNKNOWN 127.0.0.1/8 ${two}`,
      "CapBnd:\t000000c000207000",
      "NoNewPrivs:\t1",
      "Seccomp:\t2",
      "next hops from a program in the kernel",
      "NRestarts=0",
      "ExecMainStatus=1",
      "reloaded",
      `killed lo UNKNOWN 127.0.0.1/8 ${two}`,
      "log 1",
      "removed inactive inactive inactive",
      "removed lo UNKNOWN 127.0.0.1/8",
      "ls: cannot access '/run/ipoib': No such file or directory",
    ]);
  },
);
