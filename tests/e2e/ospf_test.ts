/** OSPFv2 and OSPFv3 between three BIRD routers: multicast hellos, a designated router, exchange of routes. */

import { assertEquals, assertMatch } from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import { type Host, labTest, until } from "./harness/mod.ts";

/** Dead interval in seconds. Longer on a slow machine, which may delay hellos. */
const DEAD = Math.ceil(patient(4));

/** What differs between the versions. */
interface Version {
  readonly protocol: "ospf v2" | "ospf v3";
  readonly family: 4 | 6;
  /** Prefix of the stub networks; the number of the router follows. */
  readonly stub: string;
  /** Ends of a stub network and of the router's address in it. */
  readonly ends: readonly [network: string, address: string];
  readonly length: number;
}

const VERSIONS: readonly Version[] = [
  {
    protocol: "ospf v2",
    family: 4,
    stub: "10.30.",
    ends: [".0", ".1"],
    length: 24,
  },
  {
    protocol: "ospf v3",
    family: 6,
    stub: "fd30:",
    ends: ["::", "::1"],
    length: 64,
  },
];

/** A router with its own stub network. */
class Router {
  readonly host: Host;
  /** Address of the router in the stub network. */
  readonly stubAddress: string;
  /** The stub network. */
  readonly network: string;
  readonly #socket: string;
  readonly #version: Version;

  constructor(host: Host, number: number, version: Version) {
    const { stub, ends, length } = version;
    this.host = host;
    this.#version = version;
    this.stubAddress = `${stub}${number}${ends[1]}`;
    this.network = `${stub}${number}${ends[0]}/${length}`;
    this.#socket = `${host.lab.runtime}/bird-${number}.ctl`;
  }

  async start(): Promise<void> {
    const { host } = this;
    const { length } = this.#version;
    await host.ip("addr", "add", `${this.stubAddress}/${length}`, "dev", "lo");
    const file = `${this.#socket}.conf`;
    await Deno.writeTextFile(file, this.#configuration());
    const words = ["-f", "-c", file, "-s", this.#socket, "-P", `${file}.pid`];
    await host.start("bird", ...words).prints(/Started/);
  }

  /** Runs `birdc WORDS...` and returns its standard output. */
  async birdc(...words: string[]): Promise<string> {
    const command = ["birdc", "-s", this.#socket, ...words];
    return (await this.host.run(command)).stdout;
  }

  /** Returns the sorted states of the OSPF neighbours, such as Full/DR. */
  async neighbours(): Promise<string[]> {
    const text = await this.birdc("show", "ospf", "neighbors");
    return [...text.matchAll(/^10\.9\.0\.\d+\s+\d+\s+(\S+)/gm)]
      .map((match) => match[1]!).sort();
  }

  /** Returns the configuration. Only the timers of `ib0` differ from the defaults. */
  #configuration(): string {
    const { family, protocol } = this.#version;
    return `
      log stderr all;
      router id ${this.host.address};
      protocol device { scan time 1; }
      protocol kernel { ipv${family} { export all; }; }
      protocol ${protocol} {
        ipv${family} { import all; };
        area 0 {
          interface "ib0" { hello 1; wait 2; dead ${DEAD}; retransmit 2; };
          stubnet ${this.network};
        };
      }
    `;
  }
}

for (const version of VERSIONS) {
  const { protocol, family } = version;
  labTest(
    `Three routers with ${protocol} elect a designated router and exchange routes`,
    async (lab) => {
      const hosts = await lab.running(3);
      const routers = hosts.map((host, i) => new Router(host, i + 1, version));
      await Promise.all(routers.map((router) => router.start()));
      // One router each is DR, BDR and Other: the lists show the neighbours of each.
      const expected = [
        ["Full/BDR", "Full/DR"],
        ["Full/BDR", "Full/Other"],
        ["Full/DR", "Full/Other"],
      ];
      await until("adjacencies between all routers", async () => {
        const states = await Promise.all(
          routers.map((router) => router.neighbours()),
        );
        return JSON.stringify(states.sort()) === JSON.stringify(expected);
      });
      for (const router of routers) {
        const text = await router.birdc("show", "ospf", "interface", '"ib0"');
        assertMatch(text, /Type: broadcast/);
      }
      const pairs = routers.flatMap((from) =>
        routers.filter((to) => to !== from).map((to) => ({ from, to }))
      );
      for (const { from, to } of pairs) {
        const route = await until("the route", async () => {
          const text = await from.host.ip(
            `-${family}`,
            "route",
            "show",
            to.network,
          );
          return text !== "" && text;
        });
        const gateway = family === 4 ? to.host.address : "fe80::\\S+";
        assertMatch(route, new RegExp(`via ${gateway} dev ib0 `));
      }
      for (const { from, to } of pairs) {
        const words = [
          "ping",
          "-n",
          "-c",
          "1",
          "-I",
          from.stubAddress,
          to.stubAddress,
        ];
        assertEquals((await from.host.run(words)).code, 0);
      }
    },
  );
}
