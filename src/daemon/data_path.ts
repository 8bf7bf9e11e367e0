/**
 * The data path of an interface and its children: the HCA port, the SA client, the engine (src/ipoib/) and the network
 * devices, on one reactor.
 */

import { getLogger, type LimitedLog } from "../base/log.ts";
import { TX_QUEUE_LENGTH } from "../ipoib/constants.ts";
import { IpoibDevice } from "../ipoib/device.ts";
import type { EngineContext } from "../ipoib/context.ts";
import type { IpoibInterface } from "../ipoib/interface.ts";
import { InterfaceEvents } from "../ipoib/interface_events.ts";
import { newReceiveRing } from "../ipoib/rings.ts";
import { openSaClient } from "../ipoib/open_sa_client.ts";
import {
  type NetdevOptions,
  openNetdev,
  openNextHopProgram,
  type TapNetdev,
} from "../netdev/open_netdev.ts";
import { qualifiedName } from "../netdev/net_config.ts";
import { UNKNOWN_TAP } from "../netdev/tap/adopt_tap.ts";
import { deleteTaps } from "../netdev/tap/delete_taps.ts";
import { deviceKeeper } from "../netdev/tap/keeper.ts";
import type { Tap } from "../netdev/tap/tap.ts";
import { PortMemberships } from "../sa/port_memberships.ts";
import { Fd } from "../system/fd.ts";
import { namespaceInode } from "../system/namespace.ts";
import type { Reactor } from "../system/reactor.ts";
import { Captures } from "./capture/captures.ts";
import { TapChildDevices } from "./child_devices.ts";
import type { CommandContext } from "./commands/context.ts";
import type { DataInit } from "./data_init.ts";
import { DropEvents } from "./drop_events.ts";
import type { InterfacePlace, StateChange } from "./interface_places.ts";
import { openConnections } from "./open_connections.ts";
import { openEvents } from "./open_events.ts";
import { openPort } from "./open_port.ts";
import { openSharedPort } from "./open_shared_port.ts";
import { LeftDevices } from "./restart/left_interface.ts";
import { restoreInterface } from "./restart/restore.ts";
import type { SavedInterface } from "./restart/saved_interface.ts";
import type { Emit } from "./thread/worker_side.ts";
import type { WorkerRequests } from "./worker_requests.ts";

/** The data path of an interface and its children. */
export interface DataPath {
  readonly context: CommandContext;
  /** False while children that an earlier process has left are being restored. */
  readonly restored: boolean;
  /**
   * Closes everything except the devices, and returns descriptors of them by label. Throws `E_FCNTL`; the data path then
   * goes on.
   */
  release(): Record<string, number>;
  /** Closes everything; the kernel deletes the devices. */
  close(): void;
}

/**
 * Opens the port, and creates the parent interface or adopts its device. Children that an earlier process has left follow
 * later. Throws the errors of its parts.
 */
export function openPath(
  init: DataInit,
  reactor: Reactor,
  emit: Emit,
  workers: WorkerRequests,
  log: LimitedLog,
): DataPath {
  using parts = new DisposableStack();
  using netns = new Fd(init.netns);
  using devices = new LeftDevices(init.left);
  const events = parts.adopt(openEvents(reactor, emit), ({ close }) => close());
  let parent: TapNetdev | undefined;
  const namespace = namespaceInode(netns.number);
  const portEvents = new InterfaceEvents(
    events.sink,
    () =>
      parent ? qualifiedName(parent.config) : { name: init.name, namespace },
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
  const engine: EngineContext = {
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
    keeper: deviceKeeper(init.keeper, init.notifySocket),
  };
  const { saved, settings = false } = init.left ?? {};
  const tap = saved && devices.take(saved.parent, netns.number);
  const device = new IpoibDevice(engine, {
    name: init.name,
    pkeyIndex: init.pkeyIndex,
    ...parentSettings(init, tap && settings ? saved : undefined),
    openNetdev: (name, memory) =>
      parent = openParent(reactor, tap, {
        ...netdevOptions,
        ...{ name, memory },
        netns: netns.number,
        left: UNKNOWN_TAP,
      }),
  });
  const children = new TapChildDevices(reactor, parent!, netdevOptions);
  const drops = new DropEvents(reactor, () => device.interfaces());
  parts.defer(() => drops.close());
  const captures = parts.adopt(
    new Captures(reactor, port),
    (each) => each.close(),
  );
  const emitPlaces = reportState(device, emit);
  device.onInterfaces = (interfaces) => {
    captures.follow(interfaces);
    emitPlaces(interfaces);
  };
  if (shared) {
    shared.onLeft = () => device.checkMemberships();
    shared.onGone = () => memberships.leaveWithheld(reactor.clock.now());
  }
  port.onEvent((event) => {
    if (event.type === "device_fatal") emit("fatal", event.reason);
  });
  const context: CommandContext = {
    ...{ device, port, memberships, sa, connections, children, captures },
    ...{ reactor, log, subnet, showSubnet },
  };
  let restored = false;
  const onRestored = () => {
    restored = true;
    emit("restored", {});
  };
  if (saved && tap) {
    restoreInterface(device, saved, settings, children, (child) => {
      using place = tap.locate();
      return devices.take(child, place?.netns ?? netns.number);
    }, onRestored);
  } else onRestored();
  const owned = parts.move();
  const netdevs = () =>
    device.interfaces().map(({ netdev }) => netdev as TapNetdev);
  const close = () => {
    device.close();
    owned.dispose();
  };
  return {
    context,
    get restored() {
      return restored;
    },
    release: () => {
      const descriptors = netdevs().map((netdev) =>
        [netdev.tap.label, netdev.release().release()] as const
      );
      // The main thread must not regard the interfaces as deleted.
      device.onStateChange = device.onInterfaces = device.onGone = () => {};
      captures.close();
      children.leave();
      close();
      return Object.fromEntries(descriptors);
    },
    close: () => {
      captures.close();
      children.close();
      deleteTaps(netdevs().map(({ tap }) => tap));
      close();
    },
  };
}

/**
 * Sends events to the main thread: states of the interfaces, changes of their links, and the deletion of the parent.
 * Returns a function that sends the names and namespaces of the interfaces, which it has sent once.
 */
function reportState(
  device: IpoibDevice,
  emit: Emit,
): (interfaces: readonly IpoibInterface[]) => void {
  device.onStateChange = ({ netdev, state }) => {
    const change: StateChange = { ...qualifiedName(netdev.config), state };
    emit("state", change);
  };
  device.onGone = () => emit("gone", {});
  const watched = new WeakSet<IpoibInterface>();
  const emitPlaces = (interfaces: readonly IpoibInterface[]) => {
    emit("interfaces", interfaces.map(placeOf));
    for (const each of interfaces) {
      if (watched.has(each)) continue;
      watched.add(each);
      each.netdev.config.onChange((change) => {
        if (change === "link") emit("changed", {});
      });
    }
  };
  emitPlaces(device.interfaces());
  return emitPlaces;
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

/** Returns mode and MTU of the parent: those of an earlier process if given, otherwise those of the options. */
function parentSettings(
  { mode, adminMtu }: DataInit,
  saved: SavedInterface | undefined,
): Pick<DataInit, "mode" | "adminMtu"> {
  return saved
    ? { mode: saved.parent.mode, adminMtu: saved.parent.mtu }
    : { mode, adminMtu };
}

/** Opens the device of the parent: that of an earlier process if given, otherwise one with the name of the options. */
function openParent(
  reactor: Reactor,
  tap: Tap | undefined,
  options: NetdevOptions,
): TapNetdev {
  using place = tap?.locate();
  if (!tap || !place) return openNetdev(reactor, options);
  using parts = new DisposableStack();
  parts.use(tap);
  const { netns } = place;
  const program = openNextHopProgram(options.nextHops, tap, netns);
  if (typeof program !== "string") parts.use(program);
  const device = { tap, program };
  const netdev = openNetdev(reactor, { ...options, netns, device });
  parts.move();
  return netdev;
}
