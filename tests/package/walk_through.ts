/**
 * What an administrator does with the package, step by step, in a machine that boots systemd (machines.ts): installs
 * it, writes files, boots, replaces the processes, and removes it. Every machine takes the same steps.
 */

import {
  assert,
  assertEquals,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import type { Guest } from "../../scripts/rig/guest.ts";
import { report } from "../../scripts/rig/report.ts";
import { type CleanRoot, INSTALL_ALL } from "./clean_root.ts";
import { measure } from "./machines.ts";
import { underStream } from "./stream.ts";

/** An interface with a child, and the port of another host on the same subnet. */
export interface WalkedInterface {
  readonly name: string;
  readonly hca: string;
  readonly peerHca: string;
}

/** What differs between the machines. */
export interface Walk {
  readonly interfaces: readonly WalkedInterface[];
  /** The words of `ipoib link show` for the source of next hops. */
  readonly nextHops: string;
}

const SUBNET = "ipoib-subnet@default";
/** An interface whose file has a problem, and the place of the problem. */
const BROKEN = "ib9";
const PLACE = `${BROKEN}.conf:2:7`;
/** The bounding set of the unit: its six capabilities. */
const CONFINED = "CapBnd: 000000c000207000\nNoNewPrivs: 1\nSeccomp: 2\n";
/** Prints the IPv4 addresses and routes of a machine, one in a line. */
const CONFIGURATION =
  "{ ip -4 -br address show | tr -s ' '; ip -4 route show; }";
/** Prints the PID of the process of a unit, whose name follows. */
const MAIN_PID = "systemctl show --property=MainPID --value";
/** Network namespace of the other host. */
const PEER = "peer";
/** Longest time without traffic, at normal machine speed. */
const GAP_MS = 1000;
/** Time limits in seconds at normal machine speed. */
const BOOT_S = 60;
const START_S = 30;
const RELOAD_S = 60;
const REMOVE_S = 120;

const unitOf = (name: string) => `ipoib@${name}`;

function namesIn({ interfaces }: Walk): string[] {
  return interfaces.map(({ name }) => name);
}

/** Returns the units of the interfaces whose files have no problem, and of the subnet. */
function workingUnits(walk: Walk): string[] {
  return [...namesIn(walk).map(unitOf), SUBNET];
}

/** Returns the configuration file of interface `i` of a host: 1 for the machine, 2 for the other host. */
function fileOf(hca: string, i: number, host: 1 | 2): string {
  return `[Interface]
hca = ${hca}
address = 10.9.${i}.${host}/24
route = 10.7${host}.${i}.0/24 via 10.9.${i}.${3 - host}
[Child]
pkey = 0x8001
address = 10.8.${i}.${host}/24
`;
}

/** Installs the package in a system that has not booted, writes the files and enables the units. */
export async function prepare(root: CleanRoot, walk: Walk): Promise<void> {
  const must = async (script: string) => {
    const { code, stdout, stderr } = await root.shell(script);
    assertEquals(code, 0, stdout + stderr);
  };
  await must(INSTALL_ALL);
  const write = (path: string, text: string) =>
    Deno.writeTextFile(`${root.path}${path}`, text);
  for (const [i, { name, hca, peerHca }] of walk.interfaces.entries()) {
    await write(`/etc/ipoib/${name}.conf`, fileOf(hca, i, 1));
    await write(`/srv/${name}.conf`, fileOf(peerHca, i, 2));
  }
  await write(`/etc/ipoib/${BROKEN}.conf`, "[Interface]\nmtu = 3\n");
  const units = [...workingUnits(walk), unitOf(BROKEN)];
  await must(`systemctl enable --quiet ${units.join(" ")}`);
}

/** Takes the steps in a machine that boots the prepared system. */
export async function walkThrough(guest: Guest, walk: Walk): Promise<void> {
  await boots(guest, walk);
  for (const each of walk.interfaces) await isConfined(guest, each, walk);
  await guest.must(`systemctl reload ${SUBNET}`);
  for (const name of namesIn(walk)) await comesBack(guest, name);
  for (const [i, name] of namesIn(walk).entries()) {
    await isUpgraded(guest, name, i);
  }
  await isRemoved(guest, walk);
}

/** The boot has started all interfaces and children, with their addresses and routes, except that of the broken file. */
async function boots(guest: Guest, walk: Walk): Promise<void> {
  const units = workingUnits(walk).join(" ");
  const broken = unitOf(BROKEN);
  await guest.waitFor(
    `[ "$(systemctl is-active ${units} | sort -u)" = active ] && systemctl is-failed --quiet ${broken}`,
    BOOT_S,
    `systemctl --no-pager --full status ${units} ${broken}`,
  );
  const expected = walk.interfaces.flatMap(({ name }, i) => [
    `${name} UP 10.9.${i}.1/24`,
    `10.71.${i}.0/24 via 10.9.${i}.2 dev ${name}`,
    `${name}.8001 UP 10.8.${i}.1/24`,
  ]);
  await guest.waitFor(
    expected.map((line) => `${CONFIGURATION} | grep -q '^${line}\\b'`)
      .join(" && "),
    START_S,
    `${CONFIGURATION}; ipoib link show`,
  );
  assertEquals(
    await guest.must(
      `systemctl show --property=ExecMainStatus,NRestarts ${broken} | sort
       journalctl --output=cat --unit=${broken} | grep -c '${PLACE}'`,
    ),
    "ExecMainStatus=1\nNRestarts=0\n1\n",
  );
}

/** The process of the unit has the rights of the unit, the port of the file, and runs. */
async function isConfined(
  guest: Guest,
  { name, hca }: WalkedInterface,
  { nextHops }: Walk,
): Promise<void> {
  const pid = await mainPid(guest, name);
  const confined = await guest.must(
    `grep -E '^(CapBnd|NoNewPrivs|Seccomp):' /proc/${pid}/status`,
  );
  assertEquals(confined.replaceAll("\t", " "), CONFINED);
  const [device, port = "1"] = hca.split("/");
  const shown = await guest.must(`ipoib -d link show ${name}`);
  for (
    const words of [
      `hca ${device} port ${port} `,
      `next hops from ${nextHops}`,
      "state running",
    ]
  ) assertStringIncludes(shown, words);
}

/** A process that is killed is started again, and its interface has its addresses and routes. */
async function comesBack(guest: Guest, name: string): Promise<void> {
  const before = await guest.must(CONFIGURATION);
  const pid = await mainPid(guest, name);
  await guest.must(`kill -KILL ${pid}`);
  const unit = unitOf(name);
  await guest.waitFor(
    `systemctl is-active --quiet ${unit} && [ "$(${MAIN_PID} ${unit})" != ${pid} ]`,
    START_S,
    `systemctl --no-pager --full status ${unit}`,
  );
  assertEquals(await guest.must(CONFIGURATION), before);
}

/** A process is replaced under a TCP stream to another host; its interface keeps its addresses and routes. */
async function isUpgraded(
  guest: Guest,
  name: string,
  i: number,
): Promise<void> {
  await guest.must(
    `mkdir -p /run/netns; ip netns add ${PEER}
     ipoib up ${name} --netns ${PEER} --config /srv/${name}.conf --background`,
    START_S,
  );
  const before = await guest.must(CONFIGURATION);
  const pid = await mainPid(guest, name);
  await measure(guest);
  const slowness = [guest.slowness];
  const gap = await underStream(
    { client: guest.inNamespace(PEER), server: guest, address: `10.9.${i}.1` },
    async () => {
      await guest.must(`systemctl reload ${unitOf(name)}`, RELOAD_S);
      await measure(guest);
    },
  );
  slowness.push(guest.slowness);
  report(
    `${guest.name}: an upgrade of ${name} stops traffic for ${gap} ms; ${
      slowness.join(" and ")
    } times slower than a usual host`,
  );
  assert(gap <= GAP_MS * Math.max(...slowness), `no traffic for ${gap} ms`);
  assertNotEquals(await mainPid(guest, name), pid);
  assertEquals(await guest.must(CONFIGURATION), before);
  await guest.must(
    `ipoib -n ${PEER} down ${name}; ip netns del ${PEER}`,
    START_S,
  );
}

/**
 * The package is removed while its units run: they end, and their interfaces are gone. The administrator's files stay.
 * After a purge nothing is left.
 */
async function isRemoved(guest: Guest, walk: Walk): Promise<void> {
  const units = workingUnits(walk).join(" ");
  const left = await guest.must(
    `systemctl disable --quiet ${units} ${unitOf(BROKEN)}
     apt-get remove -q -y ipoib > /dev/null
     systemctl is-active ${units} | sort -u
     ${CONFIGURATION}
     ls /sys/class/net | grep '^ib'
     for exe in /proc/[0-9]*/exe; do readlink $exe; done | grep ipoib
     ls -d /run/ipoib 2> /dev/null
     echo /etc/ipoib/*
     rm /etc/ipoib/*.conf
     apt-get purge -q -y ipoib > /dev/null
     find / -xdev -name '*ipoib*' ! -path '/srv/*'`,
    REMOVE_S,
  );
  const files = [...namesIn(walk), BROKEN].map((name) =>
    `/etc/ipoib/${name}.conf`
  );
  assertEquals(left.trimEnd().split("\n").map((line) => line.trim()), [
    "inactive",
    "lo UNKNOWN 127.0.0.1/8",
    files.join(" "),
  ]);
}

/** Returns the PID of the process of an interface. */
async function mainPid(guest: Guest, name: string): Promise<number> {
  return Number(await guest.must(`${MAIN_PID} ${unitOf(name)}`));
}
