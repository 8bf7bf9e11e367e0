/** DHCP and router advertisements: dnsmasq and Kea as servers, and clients that do not know RFC 4390. */

import { assertEquals, assertMatch } from "@std/assert";
import {
  type Host,
  type Lab,
  labTest,
  linkLocal,
  startDnsmasq,
  until,
} from "./harness/mod.ts";
import { ipv6Addresses } from "./harness/ipv6.ts";

/** Script of udhcpc: assigns the address that the server has given. */
const SCRIPT = `#!/bin/sh
case "$1" in bound) ip addr add "$ip/24" dev "$interface" ;; esac
`;

/** Runs `body` with a directory for the files of servers and clients. */
async function withFiles(body: (directory: string) => Promise<void>) {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${directory}/script`, SCRIPT, { mode: 0o755 });
    await body(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Starts dnsmasq on ib0 of a host, with its files in `directory`. */
async function startServer(
  host: Host,
  directory: string,
  ...words: string[]
): Promise<void> {
  await startDnsmasq(
    host,
    "--log-dhcp",
    // It forms no DUID of its own on a host without hardware addresses.
    "--dhcp-duid=65535,01:02:03:04",
    // Without a ping of each address before it is offered, which stops the server for three seconds.
    "--no-ping",
    ...[`--pid-file=${directory}/pid`, `--dhcp-leasefile=${directory}/leases`],
    ...words,
  );
}

/** Starts kea-dhcp4 or kea-dhcp6 on ib0 of a host, with its files in `directory`. */
async function startKea(
  host: Host,
  directory: string,
  version: 4 | 6,
  configuration: Record<string, unknown>,
): Promise<void> {
  const program = `kea-dhcp${version}`;
  const file = `${directory}/${program}.json`;
  const server = {
    "interfaces-config": { interfaces: ["ib0"] },
    "lease-database": { type: "memfile", persist: false },
    loggers: [{
      name: program,
      severity: "INFO",
      "output_options": [{ output: "stdout" }],
    }],
    ...configuration,
  };
  const text = JSON.stringify({ [`Dhcp${version}`]: server });
  await Deno.writeTextFile(file, text);
  const folders = ["PIDFILE", "LOCKFILE"].map((each) =>
    `KEA_${each}_DIR=${directory}`
  );
  await host.start("env", ...folders, program, "-c", file)
    .prints(/DHCP[46]_STARTED/);
}

/** Starts dhcpcd on ib0 of a host, with state directories and processes of its own. */
function startDhcpcd(host: Host, ...words: string[]): void {
  const script = "mount -t tmpfs none /run && " +
    "mount -t tmpfs none /var/lib/dhcpcd && exec dhcpcd -B -f /dev/null " +
    `-c /bin/true ${words.join(" ")} ib0`;
  host.start(
    ...["unshare", "--mount", "--pid", "--fork", "--mount-proc"],
    ...["--kill-child=KILL", "sh", "-c", script],
  );
}

/** Returns hosts whose ib0 runs without IPv4 address. */
async function clients(lab: Lab, count: number): Promise<Host[]> {
  const hosts = await lab.running(count);
  for (const host of hosts) await host.ip("-4", "addr", "flush", "dev", "ib0");
  return hosts;
}

async function addressOf(host: Host): Promise<string> {
  const text = await until(
    `an address of ${host.namespace}`,
    async () =>
      (await host.ip("-4", "-o", "addr", "show", "dev", "ib0")) || undefined,
  );
  return / inet ([0-9.]+)/.exec(text)![1]!;
}

labTest(
  "DHCP: three udhcpc get addresses of their own, and one renews its lease",
  async (lab) => {
    const [server] = await lab.running(1);
    const hosts = await clients(lab, 3);
    const net = server.address.replace(/\.\d+$/, "");
    await withFiles(async (directory) => {
      const range = `--dhcp-range=${net}.100,${net}.150,120`;
      await startServer(server, directory, range);
      const identity = ["-x", "0x3d:00746869726420686f7374"];
      const started = hosts.map((host, i) =>
        host.start(
          ...["udhcpc", "-f", "-i", "ib0", "-s", `${directory}/script`],
          ...["-t", "10", "-A", "1"],
          ...i === 2 ? identity : [],
        )
      );
      const addresses = await Promise.all(hosts.map(addressOf));
      assertEquals(new Set(addresses).size, hosts.length);
      for (const address of addresses) {
        assertEquals(await server.reaches(address), true, address);
      }
      const leases = await Deno.readTextFile(`${directory}/leases`);
      const identifiers = leases.trim().split("\n").map((line) =>
        line.split(" ")[4]
      );
      assertEquals(new Set(identifiers).size, hosts.length, leases);
      // Two from the GUIDs of the ports, and that of the third client.
      assertEquals(
        identifiers.map((each) => each!.slice(0, 5)).sort(),
        ["00:74", "ff:00", "ff:00"],
      );
      // The client asks for the renewal by unicast.
      started[0]!.kill("SIGUSR1");
      await started[0]!.prints(/(lease of [\d.]+ obtained[^]*){2}/);
      assertEquals(await addressOf(hosts[0]!), addresses[0]);
    });
  },
);

labTest(
  "IPv6: dnsmasq gives addresses by router advertisement and by DHCPv6",
  async (lab) => {
    const [server, client] = await lab.running(2);
    await server.ip("-6", "addr", "add", "fd00:6::1/64", "dev", "ib0");
    await withFiles(async (directory) => {
      await startServer(
        ...[server, directory, "--enable-ra", "--ra-param=ib0,4"] as const,
        "--dhcp-range=fd00:6::100,fd00:6::1ff,slaac,64,1h",
      );
      const shown = () =>
        client.ip("-6", "-o", "addr", "show", "dev", "ib0", "scope", "global");
      await until(
        "an address by stateless autoconfiguration",
        async () => /fd00:6::\S+\/64 .*dynamic/.test(await shown()),
      );
      assertMatch(
        await client.ip("-6", "route", "show", "default"),
        /via fe80::\S+ dev ib0 proto ra/,
      );
      startDhcpcd(client, "-6", "--noipv6rs", "--ia_na");
      const lease = await until(
        "a lease",
        async () =>
          / inet6 (fd00:6::1[0-9a-f]{2})\/128 /.exec(await shown())?.[1],
      );
      await until("the leased address", () => server.reaches(lease));
    });
  },
);

labTest(
  "Kea: two udhcpc and a dhcpcd for DHCPv6 get addresses of their own",
  async (lab) => {
    const [server] = await lab.running(1);
    const hosts = await clients(lab, 2);
    const net = server.address.replace(/\.\d+$/, "");
    await linkLocal(server);
    await server.ip("addr", "add", "fd00:6::1/64", "dev", "ib0", "nodad");
    await withFiles(async (directory) => {
      await startKea(server, directory, 4, {
        "subnet4": [{
          id: 1,
          subnet: `${net}.0/24`,
          pools: [{ pool: `${net}.100 - ${net}.150` }],
        }],
      });
      await startKea(server, directory, 6, {
        // It forms no DUID of its own on a host without hardware addresses.
        "server-id": { type: "EN", identifier: "01020304", persist: false },
        "subnet6": [{
          id: 1,
          interface: "ib0",
          subnet: "fd00:6::/64",
          pools: [{ pool: "fd00:6::100 - fd00:6::1ff" }],
        }],
      });
      for (const host of hosts) {
        host.start(
          ...["udhcpc", "-f", "-i", "ib0", "-s", `${directory}/script`],
          ...["-t", "10", "-A", "1"],
        );
      }
      const addresses = await Promise.all(hosts.map(addressOf));
      assertEquals(new Set(addresses).size, hosts.length);
      for (const address of addresses) {
        assertEquals(await server.reaches(address), true, address);
      }
      const [client] = hosts;
      startDhcpcd(client!, "-6", "--noipv6rs", "--ia_na");
      const lease = await until("a lease of DHCPv6", async () => {
        const shown = await ipv6Addresses(client!, "-tentative");
        return shown.find((each) => /^fd00:6::1[0-9a-f]{2}\/128/.test(each));
      });
      // Without router advertisements the prefix is not on the link.
      await client!.ip("route", "add", "fd00:6::/64", "dev", "ib0");
      await until(
        "the leased address",
        () => server.reaches(lease.split("/")[0]!),
      );
    });
  },
);
