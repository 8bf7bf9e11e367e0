/**
 * Worker entry of the data worker, which owns the data path and the protocol state of an interface and its children.
 *
 * Opens the HCA port, the SA client and the parent interface. Runs the commands of the control socket between turns of
 * the reactor.
 */

import { getLogger, type LimitedLog, type LogLevel } from "../base/log.ts";
import { TX_QUEUE_LENGTH } from "../ipoib/constants.ts";
import { IpoibDevice } from "../ipoib/device.ts";
import type { EngineContext } from "../ipoib/context.ts";
import type { IpoibInterface } from "../ipoib/interface.ts";
import { InterfaceEvents } from "../ipoib/interface_events.ts";
import { newReceiveRing } from "../ipoib/rings.ts";
import { openSaClient } from "../ipoib/open_sa_client.ts";
import { openNetdev, type TapNetdev } from "../netdev/open_netdev.ts";
import { deleteTaps } from "../netdev/tap/delete_taps.ts";
import { PortMemberships } from "../sa/port_memberships.ts";
import { Fd } from "../system/fd.ts";
import type { NetworkNamespace } from "../system/namespace.ts";
import { openReactor } from "../system/open_reactor.ts";
import type { Reactor } from "../system/reactor.ts";
import { exactTimers } from "../system/clock.ts";
import { DropEvents } from "./drop_events.ts";
import { TapChildDevices } from "./child_devices.ts";
import { openConnections } from "./open_connections.ts";
import { Captures } from "./capture/captures.ts";
import type { CommandContext } from "./commands/context.ts";
import { dataCommands } from "./data_commands.ts";
import { openEvents } from "./open_events.ts";
import { openPort, type PortInit } from "./open_port.ts";
import { openSharedPort } from "./open_shared_port.ts";
import { watchSettings } from "./setting_events.ts";
import { runCommand } from "./thread/commands.ts";
import { type Emit, type Hosted, serve } from "./thread/worker_side.ts";
import { WorkerRequests } from "./worker_requests.ts";

/** Parameters of the worker. */
export interface DataInit {
  log: LogLevel;
  name: string;
  /** Descriptor of the network namespace for the interface. The worker closes it. */
  netns: number;
  pkeyIndex: number;
  adminMtu: number | undefined;
  memberships: "auto" | "rtnetlink" | "proc";
  nextHops: "auto" | "program" | "routes";
  mode: "datagram" | "connected";
  maxGroups: number | undefined;
  maxConnections: number | undefined;
  /** As requested: not rounded. */
  recvQueueSize: number | undefined;
  sendQueueSize: number | undefined;
  io: "auto" | "poll" | "uring";
  hca: PortInit;
}

/** Name and network namespace of an interface. */
export interface InterfacePlace {
  readonly name: string;
  readonly namespace: NetworkNamespace;
}

function placeOf({ name, netdev }: IpoibInterface): InterfacePlace {
  return { name, namespace: netdev.config.namespace };
}

/** Returns the receive queue of the interfaces: the requested size, or that for the kind of HCA. */
function receiveQueue(
  { hca, recvQueueSize }: DataInit,
): Pick<EngineContext, "recvQueueSize" | "recvQueueShrinks"> {
  const device = hca.kind === "verbs";
  return {
    recvQueueSize: newReceiveRing(recvQueueSize, device),
    recvQueueShrinks: device && recvQueueSize === undefined,
  };
}

function start(
  init: DataInit,
  reactor: Reactor,
  emit: Emit,
  log: LimitedLog,
): Hosted {
  using parts = new DisposableStack();
  exactTimers();
  using netns = new Fd(init.netns);
  const workers = new WorkerRequests(emit);
  const events = parts.adopt(openEvents(reactor, emit), ({ close }) => close());
  let parent: TapNetdev | undefined;
  const portEvents = new InterfaceEvents(
    events.sink,
    () => parent?.config.name ?? init.name,
  );
  const { port, subnet, showSubnet } = openPort(
    ...[init, reactor, emit, workers.request, portEvents] as const,
  );
  parts.defer(() => port.close());
  const { sa } = parts.adopt(
    openSaClient(reactor, port, getLogger(init.name)),
    (each) => each.close(),
  );
  const shared = init.hca.kind === "verbs" && init.hca.locks !== undefined
    ? parts.adopt(
      openSharedPort(reactor, init.name, () => port.attributes.gid, {
        locks: init.hca.locks,
        netns: netns.number,
      }),
      (each) => each.close(),
    )
    : undefined;
  const connections = openConnections(reactor, port, init.name);
  if (connections) parts.defer(() => connections.close());
  const memberships = new PortMemberships(sa, shared, getLogger(init.name));
  const { maxGroups, maxConnections } = init;
  const context: EngineContext = {
    ...{ reactor, port, sa, memberships, connections },
    ...{ maxGroups, maxConnections },
    events: events.sink,
    ...receiveQueue(init),
  };
  const netdevOptions = {
    memberships: init.memberships,
    nextHops: init.nextHops,
    txQueueLength: TX_QUEUE_LENGTH,
    // The features of the interface (ipoib/features.ts) enable the offloads of the port.
    offload: 0,
  };
  const device = new IpoibDevice(context, {
    name: init.name,
    pkeyIndex: init.pkeyIndex,
    adminMtu: init.adminMtu,
    mode: init.mode,
    openNetdev: (name, memory) =>
      parent = openNetdev(reactor, {
        ...netdevOptions,
        ...{ name, memory },
        netns: netns.number,
        waitForName: true,
      }),
  });
  const children = new TapChildDevices(reactor, parent!, netdevOptions);
  const drops = new DropEvents(reactor, () => device.interfaces());
  parts.defer(() => drops.close());
  device.onStateChange = (each) =>
    emit("state", { name: each.name, state: each.state });
  const emitPlaces = (interfaces: readonly IpoibInterface[]) =>
    emit("interfaces", interfaces.map(placeOf));
  const captures = parts.adopt(
    new Captures(reactor, port),
    (each) => each.close(),
  );
  device.onInterfaces = (interfaces) => {
    captures.follow(interfaces);
    emitPlaces(interfaces);
  };
  emitPlaces(device.interfaces());
  device.onGone = () => emit("gone", {});
  if (shared) {
    shared.onLeft = () => device.checkMemberships();
    shared.onGone = () => memberships.leaveWithheld(reactor.clock.now());
  }
  port.onEvent((event) => {
    if (event.type === "device_fatal") emit("fatal", event.reason);
  });
  const commandContext: CommandContext = {
    device,
    port,
    memberships,
    sa,
    connections,
    children,
    captures,
    reactor,
    log,
    subnet,
    showSubnet,
  };
  const owned = parts.move();
  return {
    command: ({ command, params, namespace }, done, fail) => {
      if (workers.answer(command, params)) return done({});
      const context = { ...commandContext, namespace };
      const recordSettings = watchSettings(context, command) ?? (() => {});
      runCommand(dataCommands, context, command, params, (result) => {
        recordSettings();
        done(result);
      }, fail);
    },
    close: () => {
      captures.close();
      children.close();
      deleteTaps(
        device.interfaces().map(({ netdev }) => (netdev as TapNetdev).tap),
      );
      device.close();
      owned.dispose();
    },
  };
}

serve<DataInit>(
  (init) => openReactor(init.io, (text) => getLogger(init.name).warn(text)),
  start,
);
