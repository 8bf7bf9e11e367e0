/**
 * Main-thread part of an interface: its name and network namespace, its control socket, its service of a data worker,
 * and the main-thread part of its HCA port.
 *
 * Start order: the control socket, which reserves the name; the main-thread part of the port; the data worker, which
 * opens the port and creates the TAP. Shutdown order: the data worker, which leaves the multicast groups and closes the
 * TAP; the control socket; the main-thread part of the port, and with it the role of subnet manager, which another
 * interface can then take over.
 *
 * A process may have several interfaces: see interface_group.ts.
 */

import { IpoibError } from "../base/errors.ts";
import type { EventRecord } from "../base/events.ts";
import { getLogger } from "../base/log.ts";
import { isSameName } from "../base/qualified_name.ts";
import type { Millis } from "../base/units.ts";
import {
  namespaceIdentity,
  runtimeDirectory,
  socketDirectory,
  socketPath,
} from "../ipc/locate.ts";
import {
  parentDirectory,
  removeEmptyDirectory,
} from "../ipc/runtime_directory.ts";
import type { UpgradeRecord } from "../ipc/schema.ts";
import { LIMITS } from "../ipc/limits.ts";
import { IpcServer } from "../ipc/server.ts";
import type { InterfaceOptions } from "../ipc/up_options.ts";
import { closeAll, duplicate, type Fd } from "../system/fd.ts";
import {
  namespaceInode,
  type NetworkNamespace,
  openNamespace,
  ownNamespace,
} from "../system/namespace.ts";
import { initialNamespaceInode } from "../system/namespace_inodes.ts";
import { configure } from "./apply_setup.ts";
import type { ChosenHca } from "./choose_hca.ts";
import { configRecord } from "./config_record.ts";
import { dataInit } from "./data_init.ts";
import {
  type FabricSide,
  fabricSide,
  type ManagerMissing,
} from "./fabric_side.ts";
import type { DataService } from "./data_services.ts";
import { EventHistory } from "./event_history.ts";
import { interfaceHandlers } from "./handlers.ts";
import { causeText, type EndCause, InterfaceEnd } from "./interface_end.ts";
import type { EndReason, Member } from "./interface_group.ts";
import { EVENT } from "./open_events.ts";
import {
  type InterfacePlace,
  InterfacePlaces,
  type StateChange,
} from "./interface_places.ts";
import type { Users } from "./namespace_watch.ts";
import { Readiness } from "./readiness.ts";
import type { DescribedInterface } from "./restart/calls.ts";
import type { HandedInterface } from "./restart/hand_over.ts";
import type { Keeping } from "./restart/keeping.ts";
import { KeptInterface } from "./restart/kept_interface.ts";
import { checkNotChild } from "./restart/left_devices.ts";
import type { LeftInterface } from "./restart/left_interface.ts";
import type { TakenInterface } from "./restart/take_over.ts";
import { SocketNames } from "./socket_names.ts";
import { answerRequest, WORKER_WANTED } from "./worker_requests.ts";

/** Time for the new process to replace the control socket. */
const REPLACE_MS: Millis = 5000;

export class InterfaceProcess implements Member, HandedInterface {
  /** Called when the interface is ready for the first time. */
  onRunning: () => void = () => {};
  /** Called when the interface begins to end. */
  onEnding: () => void = () => {};

  readonly hca: ChosenHca;
  readonly #options: InterfaceOptions;
  readonly #netns: Fd;
  readonly #sockets: string;
  readonly #keeping: Keeping;
  readonly #taken: TakenInterface | undefined;
  readonly #upgrade: () => UpgradeRecord;
  readonly #kept: KeptInterface;
  readonly #service: DataService;
  readonly #fabric: FabricSide;
  readonly #places: InterfacePlaces;
  readonly #readiness = new Readiness();
  readonly #events = new EventHistory();
  readonly #restored = Promise.withResolvers<void>();
  readonly #end: InterfaceEnd;
  #server: IpcServer | undefined;
  #ended = false;

  /**
   * Opens the namespace and, for the soft HCA, creates the directory of the subnet. Throws `E_NETNS`, `E_RUNTIME_DIR`.
   *
   * @param service the service of the data worker that carries its packets
   * @param usersOf returns the users of a namespace
   * @param upgrade starts the upgrade of the process
   * @param taken the interface of another process that this one takes over
   */
  constructor(
    options: InterfaceOptions,
    hca: ChosenHca,
    service: DataService,
    usersOf: (namespace: NetworkNamespace) => Users,
    keeping: Keeping,
    upgrade: () => UpgradeRecord,
    taken?: TakenInterface,
  ) {
    const { name, netns } = options;
    this.#service = service;
    this.hca = hca;
    this.#options = options;
    this.#keeping = keeping;
    this.#upgrade = upgrade;
    this.#taken = taken;
    this.#end = new InterfaceEnd(name, taken?.concluded);
    this.#netns = taken?.netns ??
      (netns === undefined ? ownNamespace() : openNamespace(netns));
    const inode = namespaceInode(this.#netns.number);
    this.#sockets = socketDirectory(
      runtimeDirectory(),
      namespaceIdentity(inode, initialNamespaceInode()),
    );
    this.#places = new InterfacePlaces({ name, namespace: inode }, usersOf);
    this.#places.onParentLost = () => this.end();
    this.#places.onChildLost = (name, namespace) => {
      // The child may already be deleted.
      this.#service.call("link.del", { name }, namespace).catch(() => {});
    };
    this.#kept = new KeptInterface(
      ...[this.#sockets, name, keeping] as const,
      () => this.#service.call("interface.save", {}),
    );
    this.#fabric = fabricSide(hca, options, String(inode), taken?.guid);
    this.#fabric.onCrash = (error) => this.#fail(error);
    this.#fabric.onEvent = (event, details) =>
      this.#events.record(this.#places.parent, "fabric", event, details);
    this.#service.onCrash = (error) => this.#fail(error);
    this.#service.onEvent = (event, data) => this.#onEvent(event, data);
  }

  /** The name under which the interface was started. */
  get name(): string {
    return this.#options.name;
  }

  /** True if the interface is ready. */
  get running(): boolean {
    return this.#readiness.isReady(this.#places.parent);
  }

  /**
   * Listens on the control socket, which reserves the name. Throws the errors of `IpcServer.listen`. An interface that is
   * taken over keeps the socket of the old process until {@linkcode takeOver}.
   */
  async listen(): Promise<void> {
    if (!this.#taken) return await this.#listen(this.name, "new");
    // The old process carries the traffic until all interfaces have come so far.
    await Promise.all([this.#service.loaded, this.#fabric.prepare?.()]);
  }

  /**
   * Replaces the record and the control socket of the old process, which has accepted. Throws the errors of
   * `IpcServer.listen`.
   */
  async takeOver(): Promise<void> {
    this.#kept.started();
    await this.#listen(this.#places.name, "replace");
  }

  /** True if the interface is to end. */
  get ending(): boolean {
    return this.#end.requested;
  }

  /** Creates the interface. Throws `E_PRIVILEGE`, `E_NAME_TAKEN`, `E_LIBRARY` and other errors of its parts. */
  async start(): Promise<void> {
    if (!this.#taken) checkNotChild(this.#sockets, this.#netns, this.name);
    this.#events.record(this.#places.parent, "link", "created", {
      subject: this.#places.name,
      new: this.#fabric.where,
      cause: `pid ${Deno.pid}`,
    });
    const left = await this.#taken?.left() ?? this.#kept.left();
    const hca = await this.#fabric.start();
    const netns = duplicate(this.#netns.number).release();
    const init = dataInit(this.#options, this.#keeping, { netns, left, hca });
    await this.#service.start(init);
    if (!this.#taken) this.#kept.started();
    const log = getLogger(this.name);
    log.info(`${this.#fabric.where}, pid ${Deno.pid}`);
    // What the old process of an upgrade had applied goes on, and the parent does not wait for its children.
    if (!this.#taken) {
      await Promise.race([this.#restored.promise, this.#end.cause()]);
      await configure(this.#options, this.#service);
    }
    this.#readiness.setConfigured();
    this.#announce();
  }

  /** Resolves when all children are restored that another process has left. */
  get restored(): Promise<void> {
    return this.#restored.promise;
  }

  /**
   * Resolves when the interface is ready. Throws `E_IPC_TIMEOUT` with its state if it is not after `limit` ms, and its
   * failure or `E_ENDED` if it is to end.
   */
  ready(limit: Millis): Promise<void> {
    return Promise.race([
      this.#readiness.runningWithin(this.#places.parent, limit),
      this.#end.interrupted(),
    ]);
  }

  /**
   * Requests the end of the interface. {@linkcode ended} then releases its resources. The first reason counts, with the
   * exceptions of interface_end.ts.
   */
  end(reason: EndReason = "down"): void {
    this.#end.request({ reason });
  }

  /** Waits for {@linkcode end} or a failure, releases all resources, and throws the failure if there is one. */
  async ended(): Promise<void> {
    const cause = await this.#end.cause();
    await this.#close(cause);
    if (cause.failure) throw cause.failure;
  }

  describe(): Promise<DescribedInterface> {
    return this.#service.call("interface.describe", {});
  }

  async release(): Promise<LeftInterface> {
    this.#end.released();
    try {
      const left = await this.#service.call("interface.release", {});
      await this.#fabric.pause();
      return left;
    } catch (error) {
      this.#end.resumed();
      throw error;
    }
  }

  async resume(left: LeftInterface): Promise<void> {
    let passed = false;
    try {
      const hca = await this.#fabric.start();
      const netns = duplicate(this.#netns.number).release();
      passed = true;
      await this.#service.call("interface.resume", { hca, left, netns });
    } catch (error) {
      const failure = IpoibError.from(error);
      // A data worker that has crashed before takes nothing.
      if (!passed || failure.code === "E_ENDED") {
        closeAll(Object.values(left.taps));
      }
      this.#fail(failure);
    } finally {
      this.#end.resumed();
    }
  }

  async #listen(name: string, how: "new" | "replace"): Promise<void> {
    this.#server = await IpcServer.listen(
      socketPath(this.#sockets, name),
      name,
      interfaceHandlers({
        service: this.#service,
        places: this.#places,
        readiness: this.#readiness,
        events: this.#events,
        config: () => configRecord(this.#options, this.hca),
        deviceCounters: () => this.#fabric.counters(),
        clientsEnded: () => this.#server?.clientsEnded ?? 0,
        stop: () => this.end(),
        changed: () => this.#kept.save(),
        upgrade: this.#upgrade,
      }),
      LIMITS,
      how,
    );
    await this.#places.setSockets(
      new SocketNames(runtimeDirectory(), this.#server),
    );
  }

  /** Ends the interface because of a failure. */
  #fail(failure: IpoibError): void {
    this.#end.request({ reason: "failure", failure });
  }

  /** Calls {@linkcode onRunning} when the interface is ready for the first time. */
  #announce(): void {
    if (!this.#readiness.isReady(this.#places.parent)) return;
    this.onRunning();
    this.onRunning = () => {};
  }

  #onEvent(event: string, data: unknown): void {
    if (event === EVENT) this.#events.add(data as EventRecord);
    if (this.#ended) return;
    switch (event) {
      case "manager-missing":
        this.#fabric.managerMissing(data as ManagerMissing);
        return;
      case WORKER_WANTED:
        void answerRequest(this.#fabric, this.#service);
        return;
      case "state":
        this.#onState(data as StateChange);
        return;
      case "interfaces":
        this.#onInterfaces(data as InterfacePlace[]);
        void this.#kept.save();
        return;
      case "restored":
        this.#restored.resolve();
        void this.#kept.save();
        return;
      case "changed":
        void this.#kept.save();
        return;
      case "gone":
        this.end();
        return;
      case "fatal":
        this.#fail(new IpoibError("E_SUBNET", String(data)));
        return;
    }
  }

  /** Handles a change of the names or namespaces of the parent and its children. */
  #onInterfaces(places: readonly InterfacePlace[]): void {
    for (const gone of this.#places.follow(places)) {
      this.#readiness.forget(gone);
      if (!this.#places.isIn(gone.namespace)) this.#events.left(gone.namespace);
    }
  }

  #onState(change: StateChange): void {
    this.#readiness.set(change, change.state);
    if (isSameName(change, this.#places.parent)) this.#announce();
  }

  async #close(cause: EndCause): Promise<void> {
    const { reason } = cause;
    this.#ended = true;
    this.onEnding();
    this.#places.stop();
    // Until then clients learn from this process that another one takes over.
    if (reason === "handed over") await this.#server?.replaced(REPLACE_MS);
    const kept = await this.#kept.close(reason);
    if (kept) await this.#releaseDevices();
    await this.#service.close().catch(() => {});
    this.#events.record(this.#places.parent, "link", "deleted", {
      subject: this.#places.name,
      cause: causeText(cause),
    });
    if (!kept && this.#places.created) {
      getLogger(this.#places.name).info("deleted");
    }
    // The names belong to the new process.
    if (reason !== "handed over") await this.#places.removeSockets();
    await this.#server?.close();
    if (this.#server) removeEmptyDirectory(parentDirectory(this.#server.path));
    await this.#fabric.close();
    this.#netns.close();
  }

  /** Closes the data path without the devices. */
  async #releaseDevices(): Promise<void> {
    try {
      const { taps } = await this.#service.call("interface.release", {});
      closeAll(Object.values(taps));
    } catch {
      // The data path is closed already, or the data worker has crashed: the kernel keeps the devices, or nothing can.
    }
  }
}
