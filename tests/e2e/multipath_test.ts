/**
 * A multipath route: flows are distributed by weight and keep their gateway, also after the failure of another gateway.
 */

import { assert, assertEquals } from "@std/assert";
import { type Host, type Program, until } from "./harness/mod.ts";
import { nextHopsTest } from "./harness/next_hops.ts";

const FLOWS = 64;
const TARGET = "10.20.0.1";
const PORT = 5000;

/**
 * For each line, which names a round, sends one datagram per flow, and then one to the address of each gateway (the
 * arguments), which arrives after those of the flows.
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

/** A gateway that has the target address, and the datagrams that it has received. */
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
      "the gateway to listen",
      async () => await host.must("ss", "-Hlun", `sport = :${PORT}`) !== "",
    );
    return new Gateway(host, receiver);
  }

  /** Waits until all datagrams of a round have arrived. */
  async end(round: string): Promise<void> {
    await this.#receiver.prints(new RegExp(`end of ${round}\n`));
  }

  /** Returns the sorted numbers of the flows of which a datagram of the round has arrived. */
  flows(round: string): number[] {
    const pattern = new RegExp(`flow (\\d+) round ${round}\\n`, "g");
    return [...this.#receiver.output.matchAll(pattern)]
      .map((match) => Number(match[1])).sort((a, b) => a - b);
  }
}

nextHopsTest(
  "A multipath route distributes flows by weight, and flows keep their gateway when the other fails",
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
    await sender.prints(/ready/);
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
    // Expected value: 16. The hash is random, with a standard deviation of 3.5.
    assert(few.length >= 2 && few.length <= 34, `${few.length} of ${FLOWS}`);
    const assertAll = (round: string) =>
      assertEquals([light.flows(round), heavy.flows(round)], [few, many]);
    await send("second");
    assertAll("second");

    // One gateway fails. Its namespace and its receiver remain.
    light.host.daemon.kill("SIGKILL");
    await light.host.daemon.exit();
    const rounds: string[] = [];
    await until("the kernel to detect the failure", async () => {
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
        // The kernel hashes flows differently, and drops the quarter that it would send via the failed gateway.
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

    // The gateway returns, and receives its flows again.
    await light.host.up({ args: ["--next-hops", source] });
    await until("the gateway to return", () => from.reaches(light.host));
    await send("again");
    assertAll("again");
  },
);
