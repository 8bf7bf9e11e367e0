/**
 * Worker entry of the data worker, which owns the data path and the protocol state of an interface and its children.
 *
 * Opens the HCA port, the SA client and the parent interface. Runs the commands of the control socket between turns of
 * the reactor.
 */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { getLogger, type LimitedLog, type LogLevel } from "../base/log.ts";
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
import { UNKNOWN_TAP } from "../netdev/tap/adopt_tap.ts";
import { deleteTaps } from "../netdev/tap/delete_taps.ts";
import { deviceKeeper, type KeeperKind } from "../netdev/tap/keeper.ts";
import type { Tap } from "../netdev/tap/tap.ts";
import { PortMemberships } from "../sa/port_memberships.ts";
import { duplicate, Fd } from "../system/fd.ts";
import type { NetworkNamespace } from "../system/namespace.ts";
import { openReactor } from "../system/open_reactor.ts";
import type { Reactor } from "../system/reactor.ts";
import { exactTimers } from "../system/clock.ts";
import { gidGuid } from "../wire/gid.ts";
import { DropEvents } from "./drop_events.ts";
import { TapChildDevices } from "./child_devices.ts";
import { openConnections } from "./open_connections.ts";
import { Captures } from "./capture/captures.ts";
import type { CommandContext } from "./commands/context.ts";
import { dataCommands } from "./data_commands.ts";
import { openEvents } from "./open_events.ts";
import { openPort, type PortInit } from "./open_port.ts";
import { openSharedPort } from "./open_shared_port.ts";
import type { DescribedInterface, RestartCalls } from "./restart/calls.ts";
import { LeftDevices, type LeftInterface } from "./restart/left_interface.ts";
import { restoreInterface } from "./restart/restore.ts";
import { saveInterface } from "./restart/save.ts";
import type { SavedInterface } from "./restart/saved_interface.ts";
import { watchSettings } from "./setting_events.ts";
import { type Commands, runCommand } from "./thread/commands.ts";
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
  keeper: KeeperKind;
  /** Path of the service manager's socket, for the keeper `store`. */
  notifySocket: string | undefined;
  /** What an earlier process has left of the interface. */
  left: LeftInterface | undefined;
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

/** The data path of an interface and its children. */
interface DataPath {
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

function openPath(
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
  device.onStateChange = (each) =>
    emit("state", { name: each.name, state: each.state });
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
  const context: CommandContext = {
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
      children.close();
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
  const { netns } = place;
  const program = openNextHopProgram(options.nextHops, tap, netns);
  return openNetdev(reactor, { ...options, netns, device: { tap, program } });
}

function start(
  init: DataInit,
  reactor: Reactor,
  emit: Emit,
  log: LimitedLog,
): Hosted {
  exactTimers();
  const workers = new WorkerRequests(emit);
  const openAll = (left: DataInit) =>
    openPath(left, reactor, emit, workers, log);
  let path: DataPath | undefined = openAll(init);
  const open = (): DataPath => {
    if (path) return path;
    throw new IpoibError(
      "E_RELEASED",
      `Another process is taking over ${init.name}`,
      { errno: Errno.EAGAIN, hint: "try again" },
    );
  };
  const complete = (): DataPath => {
    const { restored } = open();
    if (restored) return open();
    throw new IpoibError(
      "E_STARTING",
      `Children of ${init.name} are being restored`,
      { errno: Errno.EAGAIN, hint: "try again" },
    );
  };
  const own: Commands<unknown, RestartCalls> = {
    "interface.save": () => saveInterface(complete().context.device),
    "interface.describe": () => describe(complete().context),
    "interface.release": () => {
      const saved = saveInterface(open().context.device);
      const taps = open().release();
      path = undefined;
      return { saved, taps, settings: true };
    },
    "interface.resume": (_context, params) => {
      path = openAll({ ...init, ...params });
      return {};
    },
  };
  return {
    command: ({ command, params, namespace }, done, fail) => {
      if (workers.answer(command, params)) return done({});
      if (Object.hasOwn(own, command)) {
        return runCommand(own, undefined, command, params, done, fail);
      }
      const context = { ...open().context, namespace };
      const recordSettings = watchSettings(context, command) ?? (() => {});
      runCommand(dataCommands, context, command, params, (result) => {
        recordSettings();
        done(result);
      }, fail);
    },
    close: () => path?.close(),
  };
}

/** Returns what another process needs before the release. */
function describe({ device, port }: CommandContext): DescribedInterface {
  const { tap } = device.parent.netdev as TapNetdev;
  using place = tap.locate();
  if (!place) throw new IpoibError("E_NETDEV_GONE", `${tap.name} is gone`);
  return {
    guid: gidGuid(port.attributes.gid),
    netns: duplicate(place.netns).release(),
  };
}

serve<DataInit>(
  (init) => openReactor(init.io, (text) => getLogger(init.name).warn(text)),
  start,
);
