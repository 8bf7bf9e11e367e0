/** Routers with OSPF: hellos by multicast, a designated router, routes of each in the others' tables. */

import { assertEquals, assertMatch } from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import { type Host, labTest, until } from "./harness/mod.ts";

/** Seconds after which a router that is not heard is dead; a busy machine may hold up a hello for long. */
const DEAD = Math.ceil(patient(4));

/** A router with a network of its own behind it. */
class Router {
  readonly host: Host;
  /** Its own address in its own network. */
  readonly behind: string;
  /** Its own network. */
  readonly network: string;
  readonly #socket: string;

  constructor(host: Host, number: number) {
    this.host = host;
    this.behind = `10.30.${number}.1`;
    this.network = `10.30.${number}.0/24`;
    this.#socket = `${host.lab.runtime}/bird-${number}.ctl`;
  }

  async start(): Promise<void> {
    const { host } = this;
    await host.ip("addr", "add", `${this.behind}/24`, "dev", "lo");
    const file = `${this.#socket}.conf`;
    await Deno.writeTextFile(file, this.#configuration());
    const words = ["-f", "-c", file, "-s", this.#socket, "-P", `${file}.pid`];
    await host.start("bird", ...words).says(/Started/);
  }

  /** `birdc WORDS...`. */
  async ask(...words: string[]): Promise<string> {
    const command = ["birdc", "-s", this.#socket, ...words];
    return (await this.host.run(command)).stdout;
  }

  /** The states of its neighbours: Full/DR and the like, in order. */
  async neighbours(): Promise<string[]> {
    const text = await this.ask("show", "ospf", "neighbors");
    return [...text.matchAll(/^10\.9\.0\.\d+\s+\d+\s+(\S+)/gm)]
      .map((match) => match[1]!).sort();
  }

  /** Only times differ from the defaults of an interface. */
  #configuration(): string {
    return `
      log stderr all;
      router id ${this.host.address};
      protocol device { scan time 1; }
      protocol kernel { ipv4 { export all; }; }
      protocol ospf v2 {
        ipv4 { import all; };
        area 0 {
          interface "ib0" { hello 1; wait 2; dead ${DEAD}; retransmit 2; };
          interface "lo" { stub; };
        };
      }
    `;
  }
}

labTest(
  "Three OSPF routers elect a designated router and learn each other's routes",
  async (lab) => {
    const hosts = await lab.running(3);
    const routers = hosts.map((host, i) => new Router(host, i + 1));
    await Promise.all(routers.map((router) => router.start()));
    // Of three, everyone is the designated router, its backup, or has them for neighbours.
    const expected = [
      ["Full/BDR", "Full/DR"],
      ["Full/BDR", "Full/Other"],
      ["Full/DR", "Full/Other"],
    ];
    await until("all are adjacent", async () => {
      const states = await Promise.all(
        routers.map((router) => router.neighbours()),
      );
      return JSON.stringify(states.sort()) === JSON.stringify(expected);
    });
    for (const router of routers) {
      const text = await router.ask("show", "ospf", "interface", '"ib0"');
      assertMatch(text, /Type: broadcast/);
    }
    const pairs = routers.flatMap((from) =>
      routers.filter((to) => to !== from).map((to) => ({ from, to }))
    );
    for (const { from, to } of pairs) {
      const route = await until("the route", async () => {
        const text = await from.host.ip("route", "show", to.network);
        return text !== "" && text;
      });
      assertMatch(route, new RegExp(`via ${to.host.address} dev ib0 `));
    }
    for (const { from, to } of pairs) {
      const words = ["ping", "-n", "-c", "1", "-I", from.behind, to.behind];
      assertEquals((await from.host.run(words)).code, 0);
    }
  },
);
