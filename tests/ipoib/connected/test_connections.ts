/** A connection manager on a fake port that records its requests, and answers received ones as a test demands. */

import { ConnectionManager } from "../../../src/cm/connection_manager.ts";
import type {
  Connection,
  ConnectionRequest,
} from "../../../src/cm/connection.ts";
import type {
  ConnectionEvents,
  ConnectOptions,
} from "../../../src/cm/events.ts";
import { getLogger } from "../../../src/base/log.ts";
import type { FakeFabric, FakePort } from "../../../src/hca/fake.ts";
import { pathBitsOf } from "../../../src/hca/path_attributes.ts";
import type { Reactor } from "../../../src/system/reactor.ts";
import { gsiAddress, MadView, MgmtClass } from "../../../src/wire/mad.ts";

export class TestConnections extends ConnectionManager {
  /** Service IDs with a listener. */
  readonly listeners = new Set<bigint>();
  /** Requests that this manager has sent. */
  readonly sent: ConnectOptions[] = [];
  /** Answer to received requests instead of that of the listener: nothing, or a REJ with this reason. */
  answer: "lose" | number | undefined;
  /** Private data of replies instead of that of the listener. */
  replyData: Uint8Array | undefined;

  constructor(reactor: Reactor, port: FakePort) {
    super({
      reactor,
      port,
      agent: port.openMadAgent(MgmtClass.CommunicationManagement),
      log: getLogger("cm"),
    });
  }

  override listen(
    serviceId: bigint,
    onRequest: (request: ConnectionRequest) => void,
  ): () => void {
    this.listeners.add(serviceId);
    const end = super.listen(serviceId, (request) => {
      const { answer, replyData } = this;
      if (answer === "lose") return;
      if (answer !== undefined) return request.reject(answer);
      const accept = request.accept.bind(request);
      request.accept = (reply, events) =>
        accept(
          replyData ? { ...reply, privateData: replyData } : reply,
          events,
        );
      onRequest(request);
    });
    return () => {
      this.listeners.delete(serviceId);
      end();
    };
  }

  override connect(
    options: ConnectOptions,
    events: ConnectionEvents,
  ): Connection {
    this.sent.push(options);
    return super.connect(options, events);
  }
}

/** Carries the MADs of connection management between the ports of a fabric. Other MADs go where they went before. */
export function carryConnectionMads(fabric: FakeFabric): void {
  const { onMad } = fabric;
  fabric.onMad = (from, mad, to) => {
    if (MadView.of(mad).mgmtClass !== MgmtClass.CommunicationManagement) {
      onMad(from, mad, to);
      return;
    }
    const port = fabric.ports.find((each) => each.hasLid(to.lid));
    if (!port) return;
    const { lid, gid } = from.attributes;
    port.receiveMad(mad, {
      ...gsiAddress(lid | (to.pathBits ?? 0)),
      ...pathBitsOf(to.lid, port.attributes),
      ...(to.grh ? { grh: { ...to.grh, gid } } : {}),
    });
  };
}
