/** A port whose packets go nowhere and whose MADs go through libibumad; what it knows of itself a test tells it. */

import { FakeFabric, FakePort } from "../../../src/hca/fake.ts";
import { VerbsCounters } from "../../../src/hca/verbs/counters.ts";
import { SocketMadChannel } from "../../../src/hca/verbs/mad_channel.ts";
import type { MadAgent, PortAttributes } from "../../../src/hca/hca.ts";
import type { Reactor } from "../../../src/system/reactor.ts";

export class SimulatedPort extends FakePort {
  readonly #mads: SocketMadChannel;
  readonly madsCounted: VerbsCounters;
  /** MADs that still get lost on their way to the agent. */
  losses = 0;

  /** @param socket one end of the socket pair to the thread with libibumad; from now on the port's */
  constructor(
    reactor: Reactor,
    socket: number,
    guid: bigint,
    attributes: Partial<PortAttributes>,
  ) {
    const fabric = new FakeFabric();
    super(fabric, 1, { guid, state: "init", pkeys: [] });
    fabric.ports.push(this);
    this.set({ lid: 0, smLid: 0, ...attributes });
    this.madsCounted = new VerbsCounters();
    this.#mads = new SocketMadChannel(reactor, socket, this.madsCounted);
    reactor.onTurnEnd(() => fabric.settle());
  }

  override openMadAgent(mgmtClass: number): MadAgent {
    const agent = this.#mads.openAgent(mgmtClass);
    const lossy: MadAgent = {
      send: (mad, to) => agent.send(mad, to),
      onMad: () => {},
      close: () => agent.close(),
    };
    agent.onMad = (mad, from) => {
      if (this.losses > 0) this.losses--;
      else lossy.onMad(mad, from);
    };
    return lossy;
  }

  override close(): void {
    super.close();
    this.#mads.close();
  }
}
