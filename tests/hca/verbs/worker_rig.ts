import { FakeClock } from "../../../src/base/clock.ts";
import { VerbsCounters } from "../../../src/hca/verbs/counters.ts";
import { SocketMadChannel } from "../../../src/hca/verbs/mad_channel.ts";
import { UmadPort } from "../../../src/hca/verbs/umad_port.ts";
import { PollReactor } from "../../../src/system/poll_reactor.ts";
import { socketPair } from "../../../src/system/socket_pair.ts";
import { closeReactor } from "../close_reactor.ts";
import { FakeUmad } from "./fake_umad.ts";

/** The libibumad worker and the port's channel, over a fake libibumad and a fake clock. */
export class WorkerRig implements Disposable {
  readonly clock = new FakeClock();
  readonly reactor = new PollReactor(this.clock);
  readonly counted = new VerbsCounters();
  readonly umad: FakeUmad;
  readonly port: UmadPort;
  readonly channel: SocketMadChannel;

  constructor(umad = new FakeUmad()) {
    const { reactor, counted } = this;
    const [ours, theirs] = socketPair();
    this.umad = umad;
    this.port = new UmadPort({
      ...{ reactor, device: "fake", port: 1, library: umad.library },
      socket: theirs.release(),
    });
    const { connections } = this.port;
    const socket = ours.release();
    this.channel = new SocketMadChannel(reactor, socket, connections, counted);
  }

  /** Runs turns, so that MADs pass through the sockets in both directions. */
  turn(): void {
    for (let i = 0; i < 3; i++) this.reactor.turn(0);
  }

  [Symbol.dispose](): void {
    this.port.close();
    this.channel.close();
    closeReactor(this.reactor);
    this.umad[Symbol.dispose]();
  }
}
