/** Multicast DNS: avahi-daemon with the configuration of its Debian package. */

import { assertEquals, assertMatch } from "@std/assert";
import { type Host, labTest, type Program, run, until } from "./harness/mod.ts";

/**
 * Starts a system bus and the daemon with their own /run and host name (the argument), since the hosts share the file
 * system and the host name of the machine.
 */
const DAEMON = `
set -e
mount -t tmpfs -o mode=755 none /run
mkdir /run/dbus
hostname "$1"
dbus-daemon --system --nopidfile --fork
exec avahi-daemon
`;

async function startDaemon(host: Host, name: string): Promise<Program> {
  const daemon = host.start(
    ...["unshare", "--mount", "--uts", "--pid", "--fork", "--mount-proc"],
    ...["--kill-child=KILL", "sh", "-c", DAEMON, "daemon", name],
  );
  await daemon.prints(
    new RegExp(`Registering new address record for ${host.address} on ib0`),
  );
  return daemon;
}

/**
 * Runs `avahi-resolve WORDS...` in the namespaces of a daemon until it prints a result, and returns it. It waits five
 * seconds for a reply, and the daemon of a host announces its names some time after its start.
 */
async function resolve(daemon: Program, ...words: string[]): Promise<string> {
  const target = ["--target", String(daemon.pid), "--mount", "--net"];
  return await until(
    `a result of avahi-resolve ${words.join(" ")}`,
    async () => {
      const { stdout } = await run(
        ["nsenter", ...target, "avahi-resolve", ...words],
      );
      return stdout.trim() || undefined;
    },
  );
}

labTest(
  "Two hosts with avahi-daemon resolve each other's names and addresses",
  async (lab) => {
    const hosts = await lab.running(2);
    const names = ["alpha", "beta"];
    const daemons = await Promise.all(
      hosts.map((host, i) => startDaemon(host, names[i]!)),
    );
    for (const [from, to] of [[0, 1], [1, 0]] as const) {
      assertMatch(
        await resolve(daemons[from]!, "-6", "-n", `${names[to]}.local`),
        /\tfe80::/,
      );
      const name = `${names[to]}.local`;
      const { address } = hosts[to];
      assertEquals(
        await resolve(daemons[from]!, "-4", "-n", name),
        `${name}\t${address}`,
      );
      assertEquals(
        await resolve(daemons[from]!, "-a", address),
        `${address}\t${name}`,
      );
    }
  },
);
