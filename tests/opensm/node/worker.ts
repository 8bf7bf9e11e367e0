/**
 * Worker entry of a node: the parts of the data worker (src/daemon/data_worker.ts) with a port that the test controls
 * and a network device in memory.
 */

import { PortMemberships } from "../../../src/sa/port_memberships.ts";
import type { LogLevel } from "../../../src/base/log.ts";
import type { PortEvent } from "../../../src/hca/hca.ts";
import type { PortAttributes } from "../../../src/hca/port_attributes.ts";
import { IpoibDevice } from "../../../src/ipoib/device.ts";
import type { IpoibInterface } from "../../../src/ipoib/interface.ts";
import { refusalOf } from "../../../src/ipoib/multicast/join_obstacle.ts";
import { openSaClient } from "../../../src/ipoib/open_sa_client.ts";
import type { Unreached } from "../../../src/ipoib/unreached_members.ts";
import { FakeNetdev } from "../../../src/netdev/fake.ts";
import type { SaClient } from "../../../src/sa/client.ts";
import type { SaCallback } from "../../../src/sa/result.ts";
import { openReactor } from "../../../src/system/open_reactor.ts";
import type { Reactor } from "../../../src/system/reactor.ts";
import {
  type Emit,
  type Hosted,
  serve,
} from "../../../src/daemon/thread/worker_side.ts";
import {
  formatLinkAddress,
  linkAddressBytes,
} from "../../../src/wire/link_address.ts";
import { SimulatedPort } from "./port.ts";

type Call = Parameters<Hosted["command"]>[0];
type Done = (result: unknown) => void;

/** Start parameters of the worker. */
export interface NodeInit {
  log: LogLevel;
  /** File descriptor of the socket to the worker with libibumad. */
  mads: number;
  guid: bigint;
  attributes: Partial<PortAttributes>;
}

/** State of an interface for the tests. */
export interface LinkStatus {
  name: string;
  state: string;
  carrier: boolean;
  mtu: number;
  qpn: number;
  /** Q_Key of the queue pair. */
  qkey: number;
  /** MLIDs of the groups that the queue pair is attached to, in ascending order. */
  attached: number[];
  /** Link-layer address, as `ip link` shows it. */
  address: string;
  pkey: number;
  /** True if the port is a limited member of the partition. */
  limited: boolean;
  unreached: Unreached[];
  groups: {
    mgid: Uint8Array;
    sendOnly: boolean;
    progress: string;
    mlid: number;
    qkey: number;
    /** Why the last join was refused. */
    reason: string | undefined;
  }[];
  paths: { gid: Uint8Array; state: string; dlid: number; sl: number }[];
}

/** State of a node for the tests. */
export interface NodeStatus {
  links: LinkStatus[];
  /** True while SA requests are pending. */
  requesting: boolean;
  madsSent: number;
  /** API misuse that the fake HCA detected. */
  misuse: string[];
}

type SaRequest = (...args: unknown[]) => void;

class Node implements Hosted {
  readonly #reactor: Reactor;
  readonly #port: SimulatedPort;
  readonly #sa: SaClient;
  readonly #emit: Emit;
  readonly #netdevs = new Map<string, FakeNetdev>();
  #device: IpoibDevice | undefined;
  /** Time of the next retry of the SA client; Infinity if no request is pending. */
  #wakeAt = Infinity;

  constructor(init: NodeInit, reactor: Reactor, emit: Emit) {
    this.#reactor = reactor;
    this.#emit = emit;
    const port = new SimulatedPort(
      reactor,
      init.mads,
      init.guid,
      init.attributes,
    );
    this.#port = port;
    this.#sa = openSaClient({
      clock: reactor.clock,
      timer: (due) => {
        const timer = reactor.timer(due);
        return {
          at: (when) => timer.at(this.#wakeAt = when),
          close: () => timer.close(),
        };
      },
    }, port).sa;
  }

  command({ command, params }: Call, done: Done): void {
    const args = params as never[];
    switch (command) {
      case "request":
        return this.#request(done, ...args as unknown as [string]);
      case "event":
        this.#event(...args as unknown as [PortEvent]);
        break;
      case "lose":
        this.#port.losses = args[0]!;
        break;
      case "up":
        this.#up();
        break;
      case "child":
        this.#device!.createChild(args[0]!).netdev.change({ up: true });
        break;
      case "member":
        this.#netdev(args[0]!).config.join(args[1]!);
        break;
      case "path":
        this.#link(args[0]!).paths.request(args[1]!, this.#now(), () => {});
        break;
      case "check":
        this.#device!.checkMemberships();
        break;
      case "status":
        return done(this.#status());
      default:
        throw new Error(`Unknown command "${command}"`);
    }
    done(null);
  }

  close(): void {
    this.#device?.close();
    this.#port.close();
  }

  /** Calls a request method of the SA client and passes its SaResult to `done`. */
  #request(done: Done, method: string, ...args: unknown[]): void {
    const callback: SaCallback<unknown> = (result) => done(result);
    const client = this.#sa as unknown as Record<string, SaRequest>;
    client[method]!(...args, this.#now(), callback);
  }

  #event(event: PortEvent, attributes: Partial<PortAttributes> = {}): void {
    this.#port.emit(event, attributes);
  }

  #up(): void {
    const { fabric } = this.#port;
    const context = {
      reactor: this.#reactor,
      port: this.#port,
      sa: this.#sa,
      memberships: new PortMemberships(this.#sa),
    };
    const device = new IpoibDevice(context, {
      name: "ib0",
      pkeyIndex: 0,
      adminMtu: undefined,
      openNetdev: (name) => {
        const resolve = fabric.resolve.bind(fabric);
        const netdev = new FakeNetdev({ name, resolve });
        this.#netdevs.set(name, netdev);
        return netdev;
      },
    });
    device.onStateChange = ({ name, state }) =>
      this.#emit("state", { name, state });
    this.#device = device;
  }

  #netdev(name: string): FakeNetdev {
    return this.#netdevs.get(name)!;
  }

  #link(name: string): IpoibInterface {
    return this.#device!.find(name)!;
  }

  #status(): NodeStatus {
    return {
      links: this.#device?.interfaces()
        .map((link) => linkStatus(link, this.#port)) ?? [],
      requesting: this.#wakeAt < Infinity,
      madsSent: this.#port.madsCounted.snapshot()["mads_sent"]!,
      misuse: this.#port.fabric.misuse,
    };
  }

  #now(): number {
    return this.#reactor.clock.now();
  }
}

function linkStatus(link: IpoibInterface, { qps }: SimulatedPort): LinkStatus {
  const qp = qps.get(link.qpn);
  return {
    name: link.name,
    state: link.state,
    carrier: link.carrier,
    mtu: link.netdev.config.mtu,
    qpn: link.qpn,
    qkey: qp?.qkey ?? 0,
    attached: qp?.attached.map(({ mlid }) => mlid).sort() ?? [],
    address: formatLinkAddress(linkAddressBytes(link.address)),
    pkey: link.pkey,
    limited: link.isLimited,
    unreached: link.unreached,
    groups: link.groups.entries().map((group) => ({
      mgid: group.mgid,
      sendOnly: group.sendOnly,
      progress: group.progress,
      mlid: group.record?.mlid ?? 0,
      qkey: group.record?.qkey ?? 0,
      reason: refusalOf(group),
    })),
    paths: link.paths.entries().map((path) => ({
      gid: path.gid,
      state: path.state,
      dlid: path.record?.dlid ?? 0,
      sl: path.record?.sl ?? 0,
    })),
  };
}

serve<NodeInit>(
  () => openReactor("poll", () => {}),
  (init, reactor, emit) => new Node(init, reactor, emit),
);
