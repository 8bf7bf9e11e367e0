/** A route over two gateways: flows are spread by weight and stay where they are, also when one gateway dies. */

import { assert, assertEquals } from "@std/assert";
import { type Host, type Program, until } from "./harness/mod.ts";
import { nextHopsTest } from "./harness/next_hops.ts";

const FLOWS = 64;
const TARGET = "10.20.0.1";
const PORT = 5000;

/**
 * Whenever a line comes, which names a round, sends a datagram of each flow, and then one to each gateway (the arguments)
 * itself, which comes there after those of the flows.
 */
const SENDER = `
fds=()
for ((flow = 0; flow < ${FLOWS}; flow++)); do
  exec {fd}>/dev/udp/${TARGET}/${PORT} && fds+=($fd)
done
echo ready
while read -r round; do
  for flow in "\${!fds[@]}"; do
    echo "flow $flow round $round" >&\${fds[flow]}
  done
  for gateway in "$@"; do
    echo "end of $round" > /dev/udp/$gateway/${PORT}
  done
done
`;

/** A gateway that is the target itself, and what has arrived there. */
class Gateway {
  readonly host: Host;
  readonly #receiver: Program;

  private constructor(host: Host, receiver: Program) {
    this.host = host;
    this.#receiver = receiver;
  }

  static async start(host: Host): Promise<Gateway> {
    await host.ip("addr", "add", `${TARGET}/32`, "dev", "lo");
    const receiver = host.start(
      ...["socat", "-u", `UDP4-RECV:${PORT}`, "STDOUT"],
    );
    await until(
      "the gateway listens",
      async () => await host.must("ss", "-Hlun", `sport = :${PORT}`) !== "",
    );
    return new Gateway(host, receiver);
  }

  /** Waits until all of a round has come. */
  async end(round: string): Promise<void> {
    await this.#receiver.says(new RegExp(`end of ${round}\n`));
  }

  /** The flows of which a datagram of the round has come, in order. */
  flows(round: string): number[] {
    const pattern = new RegExp(`flow (\\d+) round ${round}\\n`, "g");
    return [...this.#receiver.output.matchAll(pattern)]
      .map((match) => Number(match[1])).sort((a, b) => a - b);
  }
}

nextHopsTest(
  "Flows are spread over two gateways by weight, and go on where they are when one gateway dies",
  async (lab, source) => {
    const [from, ...hosts] = await lab.running(3, ["--next-hops", source]);
    const gateways = await Promise.all(hosts.map(Gateway.start));
    const [light, heavy] = gateways as [Gateway, Gateway];
    for (const host of hosts) assert(await from.reaches(host));
    const policy = "/proc/sys/net/ipv4/fib_multipath_hash_policy";
    await from.must("sh", "-c", `echo 1 > ${policy}`);
    await from.ip(
      ...["route", "add", "10.20.0.0/24"],
      ...["nexthop", "via", light.host.address, "weight", "1"],
      ...["nexthop", "via", heavy.host.address, "weight", "3"],
    );
    const sender = from.start(
      ...["bash", "-c", SENDER, "sender"],
      ...hosts.map((host) => host.address),
    );
    await sender.says(/ready/);
    const send = async (round: string, to = gateways) => {
      await sender.write(`${round}\n`);
      for (const gateway of to) await gateway.end(round);
    };

    await send("first");
    const few = light.flows("first");
    const many = heavy.flows("first");
    assertEquals(
      [...few, ...many].sort((a, b) => a - b),
      Array.from({ length: FLOWS }, (_, flow) => flow),
    );
    // 16 are expected; the choice is random, with a standard deviation of 3.5.
    assert(few.length >= 2 && few.length <= 34, `${few.length} of ${FLOWS}`);
    const assertAll = (round: string) =>
      assertEquals([light.flows(round), heavy.flows(round)], [few, many]);
    await send("second");
    assertAll("second");

    // One gateway dies; its namespace, and what listens there, stays.
    light.host.daemon.kill("SIGKILL");
    await light.host.daemon.exit();
    const rounds: string[] = [];
    await until("the kernel knows", async () => {
      const neighbour = ["neigh", "show", "to", light.host.address];
      const failed = (await from.ip(...neighbour)).includes("FAILED");
      const round = `without ${rounds.length}`;
      rounds.push(round);
      await send(round, [heavy]);
      return failed;
    });
    for (const round of rounds) {
      const left = heavy.flows(round);
      if (source === "program") assertEquals([round, left], [round, many]);
      else {
        // The kernel, whose own choice is another one, drops what it would send by the dead gateway: a quarter.
        assertEquals(left.filter((flow) => !many.includes(flow)), []);
        assert(left.length > many.length / 4, `${left.length} flows`);
      }
      assertEquals(light.flows(round), []);
    }
    const words = ["ping", "-n", "-c", "1", light.host.address];
    const unreachable = await from.run(words);
    assertEquals(unreachable.code, 1);
    assert(
      unreachable.stdout.includes("Destination Host Unreachable"),
      unreachable.stdout,
    );

    // It comes back, and its flows with it.
    await light.host.up({ args: ["--next-hops", source] });
    await until("the gateway is back", () => from.reaches(light.host));
    await send("again");
    assertAll("again");
  },
);
