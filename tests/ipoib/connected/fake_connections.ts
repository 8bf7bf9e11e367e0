/** Connection managers for unit tests, which exchange requests in memory, without MADs. */

import type { FakeFabric, FakePort } from "../../../src/hca/fake.ts";
import type { RcConnection } from "../../../src/hca/hca.ts";
import type {
  Connection,
  ConnectionEnd,
  ConnectionEvents,
  ConnectionManager,
  ConnectionRequest,
  ConnectOptions,
} from "../../../src/ipoib/connected/connection_manager.ts";
import type { FakeReactor } from "../../../src/system/fake_reactor.ts";
import { RejectReason } from "../../../src/wire/cm/rej.ts";
import { gidEquals } from "../../../src/wire/gid.ts";
import type { PathRecord } from "../../../src/wire/sa/path_record.ts";

/** One end of a connection. */
class FakeEnd implements Connection {
  other: FakeEnd | undefined;
  ended = false;
  readonly events: ConnectionEvents;
  readonly #fabric: FakeFabric;

  constructor(fabric: FakeFabric, events: ConnectionEvents) {
    this.#fabric = fabric;
    this.events = events;
  }

  confirm(): void {
    this.#fabric.defer(() => this.other?.events.onEstablished?.());
  }

  reject(reason: number): void {
    this.#leave({ why: "rejected", reason });
  }

  disconnect(): void {
    this.#leave({ why: "disconnected" });
  }

  /** Ends the connection at this end. */
  end(how: ConnectionEnd): void {
    if (this.ended) return;
    this.ended = true;
    this.events.onEnd(how);
  }

  #leave(how: ConnectionEnd): void {
    this.ended = true;
    this.#fabric.defer(() => this.other?.end(how));
  }
}

/** The connection manager of one port. */
export class FakeConnections implements ConnectionManager {
  readonly listeners = new Map<
    bigint,
    (request: ConnectionRequest) => void
  >();
  /** Requests that this manager has sent. */
  readonly sent: ConnectOptions[] = [];
  /** Answer to received requests instead of passing them to a listener: nothing, or a REJ with this reason. */
  answer: "lose" | number | undefined;
  /** Receive MTU in replies instead of that of the listener. */
  replyData: Uint8Array | undefined;
  readonly #world: FakeConnectionWorld;
  readonly #port: FakePort;

  constructor(world: FakeConnectionWorld, port: FakePort) {
    this.#world = world;
    this.#port = port;
  }

  listen(
    serviceId: bigint,
    onRequest: (request: ConnectionRequest) => void,
  ): () => void {
    this.listeners.set(serviceId, onRequest);
    return () => this.listeners.delete(serviceId);
  }

  connect(options: ConnectOptions, events: ConnectionEvents): Connection {
    this.sent.push(options);
    const { fabric, reactor } = this.#world;
    const end = new FakeEnd(fabric, events);
    const timer = reactor.timer(() => end.end({ why: "timeout" }));
    timer.at(reactor.clock.now() + options.timeout);
    const answered = () => timer.close();
    fabric.defer(() => {
      const to = this.#world.at(options.path);
      if (to && !end.ended) to.#receive(this.#port, options, end, answered);
    });
    return end;
  }

  #receive(
    from: FakePort,
    options: ConnectOptions,
    active: FakeEnd,
    answered: () => void,
  ): void {
    const { fabric } = this.#world;
    const reject = (reason: number) => {
      answered();
      fabric.defer(() => active.end({ why: "rejected", reason }));
    };
    const listener = this.listeners.get(options.serviceId);
    if (this.answer === "lose") return;
    if (this.answer !== undefined) return reject(this.answer);
    if (!listener) return reject(RejectReason.InvalidServiceId);
    listener({
      serviceId: options.serviceId,
      qpn: options.qpn,
      privateData: options.privateData,
      remoteGid: from.attributes.gid,
      remoteLid: from.attributes.lid,
      pkey: options.path.pkey,
      remote: connectionTo(from, options.qpn, options.startingPsn, 0),
      accept: ({ qpn, startingPsn, privateData }, events) => {
        const passive = new FakeEnd(fabric, events);
        passive.other = active;
        active.other = passive;
        fabric.defer(() => {
          answered();
          if (active.ended) return;
          active.events.onReply?.({
            qpn,
            privateData: this.replyData ?? privateData,
            remote: connectionTo(
              this.#port,
              qpn,
              startingPsn,
              options.startingPsn,
            ),
          });
        });
        return passive;
      },
      reject,
    });
  }
}

function connectionTo(
  port: FakePort,
  destQpn: number,
  sendPsn: number,
  receivePsn: number,
): RcConnection {
  const { attributes } = port;
  return {
    path: { dlid: attributes.lid, sl: 0, staticRate: 0 },
    pathMtu: attributes.activeMtu,
    ...{ destQpn, sendPsn, receivePsn },
    ...{ ackTimeout: 0, retryCount: 0, rnrRetryCount: 0 },
  };
}

/** The connection managers of a fabric. */
export class FakeConnectionWorld {
  readonly fabric: FakeFabric;
  readonly reactor: FakeReactor;
  readonly #managers = new Map<FakePort, FakeConnections>();

  constructor(fabric: FakeFabric, reactor: FakeReactor) {
    this.fabric = fabric;
    this.reactor = reactor;
  }

  /** Returns the manager of a port, creating it if needed. */
  of(port: FakePort): FakeConnections {
    const manager = this.#managers.get(port) ?? new FakeConnections(this, port);
    this.#managers.set(port, manager);
    return manager;
  }

  /** Returns the manager at the end of a path. */
  at({ dlid, dgid }: PathRecord): FakeConnections | undefined {
    for (const [{ attributes, closed }, manager] of this.#managers) {
      if (closed || attributes.lid !== dlid) continue;
      if (gidEquals(attributes.gid, dgid)) return manager;
    }
    return undefined;
  }
}
