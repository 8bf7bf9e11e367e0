/** A port that drops its packets and sends MADs through libibumad. The test sets its attributes. */

import { FakeFabric, FakePort } from "../../../src/hca/fake.ts";
import { VerbsCounters } from "../../../src/hca/verbs/counters.ts";
import { SocketMadChannel } from "../../../src/hca/verbs/mad_channel.ts";
import type { MadAgent } from "../../../src/hca/hca.ts";
import type { PortAttributes } from "../../../src/hca/port_attributes.ts";
import type { Reactor } from "../../../src/system/reactor.ts";

export class SimulatedPort extends FakePort {
  readonly #mads: SocketMadChannel;
  readonly madsCounted: VerbsCounters;
  /** Number of received MADs that the port still drops before the agent. */
  losses = 0;

  /** @param socket one end of the socket pair to the thread with libibumad; the port closes it */
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
    this.#mads = new SocketMadChannel(
      reactor,
      socket,
      "not tested here",
      this.madsCounted,
    );
    reactor.onTurnEnd(() => fabric.settle());
  }

  override openMadAgent(mgmtClass: number): MadAgent {
    const agent = this.#mads.openAgent(mgmtClass);
    const lossy: MadAgent = {
      send: (mad, to) => agent.send(mad, to),
      onMad: () => {},
      onSendFailed: () => {},
      close: () => agent.close(),
    };
    agent.onMad = (mad, from) => {
      if (this.losses > 0) this.losses--;
      else lossy.onMad(mad, from);
    };
    agent.onSendFailed = (...failure) => lossy.onSendFailed(...failure);
    return lossy;
  }

  override close(): void {
    super.close();
    this.#mads.close();
  }
}
