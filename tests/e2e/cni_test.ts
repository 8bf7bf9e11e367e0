/** The CNI plugin with IPAM plugin host-local: containers on two hosts, as a container runtime attaches them. */

import { assert, assertEquals } from "@std/assert";
import { programCommand } from "../../scripts/program.ts";
import {
  exists,
  Host,
  type Lab,
  labTest,
  must,
  run,
  until,
} from "./harness/mod.ts";

const PLUGINS = "/usr/lib/cni";

/** The runtime on a host: attaches containers (network namespaces) to a network on P_Key 0x8001. */
class Runtime {
  readonly #host: Host;
  readonly #config: Record<string, unknown>;

  constructor(host: Host, range: string) {
    this.#host = host;
    this.#config = {
      cniVersion: "1.0.0",
      name: "storage",
      type: "ipoib",
      pkey: "0x8001",
      ipam: {
        type: "host-local",
        dataDir: `${host.lab.runtime}/ipam-${host.namespace}`,
        ranges: [[{ subnet: "10.66.0.0/16", rangeStart: `${range}.10` }], [{
          subnet: "fd66::/64",
          rangeStart: `fd66::${range.replaceAll(".", ":")}:10`,
        }]],
        routes: [{ dst: "10.99.0.0/16" }],
      },
    };
  }

  async call(command: string, container: Host, more: object = {}) {
    const env = {
      ...this.#host.lab.env,
      CNI_COMMAND: command,
      CNI_CONTAINERID: container.namespace,
      CNI_NETNS: `/run/netns/${container.namespace}`,
      CNI_IFNAME: "eth0",
      CNI_PATH: PLUGINS,
    };
    const stdin = JSON.stringify({ ...this.#config, ...more });
    return await run(this.#host.inside(programCommand()), { env, stdin });
  }

  /** Calls ADD and returns its result. */
  async add(container: Host): Promise<Result> {
    const { code, stdout } = await this.call("ADD", container);
    assertEquals(code, 0, stdout);
    return JSON.parse(stdout);
  }

  /** True if an address of the container is reserved. */
  reserves({ namespace }: Host): boolean {
    const { dataDir } = this.#config.ipam as { dataDir: string };
    return [...Deno.readDirSync(`${dataDir}/storage`)].some(({ name }) =>
      Deno.readTextFileSync(`${dataDir}/storage/${name}`).includes(namespace)
    );
  }
}

interface Result {
  readonly interfaces: { name: string; mac: string }[];
  readonly ips: { address: string }[];
}

async function container(lab: Lab): Promise<Host> {
  return new Host(lab, await lab.namespace(), "");
}

/** Returns the IPv4 address of a container, or its IPv6 address, which is the second one. */
function addressOf({ ips }: Result, index = 0): string {
  return ips[index]!.address.split("/")[0]!;
}

labTest(
  "Containers of two hosts reach each other through child interfaces that the CNI plugin adds and deletes",
  async (lab) => {
    const hosts = await lab.running(2);
    const runtimes = [
      new Runtime(hosts[0], "10.66.1"),
      new Runtime(hosts[1], "10.66.2"),
    ] as const;
    const containers = [
      await container(lab),
      await container(lab),
      await container(lab),
    ] as const;
    const results = [
      await runtimes[0].add(containers[0]),
      await runtimes[0].add(containers[1]),
      await runtimes[1].add(containers[2]),
    ] as const;
    const [first, second, remote] = containers;
    for (const { ips } of results) {
      for (const { address } of ips) {
        const target = address.split("/")[0]!;
        await until(`a reply of ${target}`, () => first.reaches(target));
      }
    }
    const routes = await first.ip("route", "show", "10.99.0.0/16");
    assert(routes.includes("via 10.66.0.1 dev eth0"), routes);
    const shown = await first.ip("-6", "addr", "show", "dev", "eth0");
    assert(!shown.includes("dadfailed"), shown);

    const previous = { prevResult: results[0] };
    assertEquals((await runtimes[0].call("CHECK", first, previous)).code, 0);
    await first.ip("addr", "del", results[0].ips[0]!.address, "dev", "eth0");
    const check = await runtimes[0].call("CHECK", first, previous);
    assertEquals(check.code, 1);
    assert(check.stdout.includes("has address none"), check.stdout);

    assertEquals((await runtimes[0].call("DEL", second)).code, 0);
    assertEquals((await runtimes[0].call("DEL", second)).code, 0);
    assert(!runtimes[0].reserves(second));
    assertEquals((await second.run(["ip", "link", "show", "eth0"])).code, 1);
    // Its IPv4 address is deleted.
    assert(await remote.reaches(addressOf(results[0], 1)));

    // The namespace of a container may end before its runtime calls DEL.
    await must(["ip", "netns", "del", remote.namespace]);
    assert(!exists(`/run/netns/${remote.namespace}`));
    assertEquals((await runtimes[1].call("DEL", remote)).code, 0);
    assert(!runtimes[1].reserves(remote));
  },
);

labTest(
  "A CNI plugin that cannot attach a container leaves no interface and no address",
  async (lab) => {
    const [host] = await lab.running(1);
    const runtime = new Runtime(host, "10.66.1");
    const pod = await container(lab);
    await pod.ip("tuntap", "add", "dev", "eth0", "mode", "tun");
    const refused = await runtime.call("ADD", pod);
    assertEquals(refused.code, 1);
    assert(refused.stdout.includes("has an interface eth0"), refused.stdout);
    assert(!runtime.reserves(pod));
    assertEquals(await host.show("child", "list"), []);
    assertEquals((await pod.run(["ip", "link", "show", "eth0"])).code, 0);
  },
);
