/** The first InfiniBand port of this host, for tests that are skipped if there is none. */

import { assert } from "@std/assert";
import { patient } from "../../../scripts/machine.ts";
import { VerbsPort } from "../../../src/hca/verbs/port.ts";
import { probeVerbs } from "../../../src/hca/verbs/probe.ts";
import { PollReactor } from "../../../src/system/poll_reactor.ts";
import { socketPair } from "../../../src/system/socket_pair.ts";
import { closeReactor } from "../close_reactor.ts";

const { ports, library } = probeVerbs();
const found = ports.find((port) => port.linkLayer === "infiniband");
/** Appended to the name of a test that cannot run on this host; otherwise empty. */
const reason = !found
  ? " (skipped: this host has no InfiniBand port)"
  : library
  ? ""
  : " (skipped: libibverbs cannot be loaded)";

/** The opened port. Its MADs are not sent. */
export class DeviceRig implements Disposable {
  readonly reactor = new PollReactor();
  readonly port: VerbsPort;
  readonly #limitMs: number;
  readonly #other;

  /** @param limitMs time limit of {@linkcode until} at normal machine speed */
  constructor(limitMs: number) {
    this.#limitMs = limitMs;
    const [ours, theirs] = socketPair();
    this.#other = theirs;
    const { device, port } = found!;
    this.port = new VerbsPort({
      ...{ reactor: this.reactor, device, port, connections: true },
      mads: ours.release(),
    });
  }

  /** Runs turns until `done` returns true. Fails after the time limit. */
  until(what: string, done: () => boolean): void {
    const end = performance.now() + patient(this.#limitMs);
    while (!done()) {
      assert(performance.now() < end, `${what}: not within the limit`);
      this.reactor.turn(20);
    }
  }

  counter(name: string): number {
    return this.port.counters()[name]!;
  }

  [Symbol.dispose](): void {
    this.port.close();
    this.#other.close();
    closeReactor(this.reactor);
  }
}

/** Returns a function that defines a test, which runs with a rig on the port. */
export function deviceTests<Rig extends DeviceRig>(
  open: new () => Rig,
): (name: string, run: (rig: Rig) => void | Promise<void>) => void {
  return (name, run) =>
    Deno.test({
      name: `${name}${reason}`,
      ignore: reason !== "",
      fn: async () => {
        using rig = new open();
        await run(rig);
      },
    });
}
