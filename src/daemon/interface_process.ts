/**
 * Main-thread part of an interface: its name and network namespace, its control socket, its data worker, and the
 * main-thread part of its HCA port.
 *
 * Start order: the control socket, which reserves the name; the main-thread part of the port; the data worker, which
 * opens the port and creates the TAP. Shutdown order: the data worker, which leaves the multicast groups and closes the
 * TAP; the control socket; the main-thread part of the port, and with it the role of subnet manager, which another
 * interface can then take over.
 *
 * A process may have several interfaces: see interface_group.ts.
 */

import { IpoibError } from "../base/errors.ts";
import {
  type EventDetails,
  type EventKind,
  type EventName,
  type EventRecord,
  eventRecord,
} from "../base/events.ts";
import { getLogger } from "../base/log.ts";
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
import type { Result } from "../ipc/schema.ts";
import { IpcServer } from "../ipc/server.ts";
import { type InterfaceOptions, optionTexts } from "../ipc/up_options.ts";
import { newReceiveRing } from "../ipoib/rings.ts";
import type { Fd } from "../system/fd.ts";
import {
  initialNamespaceInode,
  namespaceInode,
  type NetworkNamespace,
  openNamespace,
  ownNamespace,
} from "../system/namespace.ts";
import { applySetup } from "./apply_setup.ts";
import type { DataInit, InterfacePlace } from "./data_worker.ts";
import type { ChosenHca } from "./choose_hca.ts";
import {
  type FabricSide,
  fabricSide,
  type ManagerMissing,
} from "./fabric_side.ts";
import type { DataCalls } from "./commands/context.ts";
import { EventHistory } from "./event_history.ts";
import { interfaceHandlers } from "./handlers.ts";
import { EVENT } from "./open_events.ts";
import type { PortInit } from "./open_port.ts";
import { NamespaceWatch, type Users } from "./namespace_watch.ts";
import { Readiness } from "./readiness.ts";
import { SocketNames } from "./socket_names.ts";
import { WorkerThread } from "./thread/main_side.ts";
import { WORKER_WANTED, type WorkerAnswers } from "./worker_requests.ts";

/** Interval of the checks of state for which the kernel sends no notifications. */
const CHECK_INTERVAL_MS = 1000;

export class InterfaceProcess {
  /** Called when the interface is ready for the first time. */
  onRunning: () => void = () => {};
  /** Called when the interface begins to end. */
  onEnding: () => void = () => {};

  readonly #options: InterfaceOptions;
  readonly #hca: ChosenHca;
  readonly #netns: Fd;
  readonly #sockets: string;
  readonly #thread: WorkerThread<DataCalls & WorkerAnswers>;
  readonly #fabric: FabricSide;
  readonly #watch: NamespaceWatch;
  readonly #readiness = new Readiness();
  readonly #events = new EventHistory();
  readonly #end = Promise.withResolvers<IpoibError | undefined>();
  /** Current name of the parent. */
  #name: string;
  /** Names and namespaces of the parent, which is first, and its children. Empty until the parent is created. */
  #places: readonly InterfacePlace[] = [];
  #server: IpcServer | undefined;
  #socketNames: SocketNames | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #ended = false;

  /**
   * Opens the namespace and, for the soft HCA, creates the directory of the subnet. Throws `E_NETNS`, `E_RUNTIME_DIR`.
   *
   * @param usersOf returns the users of a namespace
   */
  constructor(
    options: InterfaceOptions,
    hca: ChosenHca,
    usersOf: (namespace: NetworkNamespace) => Users,
  ) {
    const { name, netns } = options;
    this.#options = options;
    this.#hca = hca;
    this.#netns = netns === undefined ? ownNamespace() : openNamespace(netns);
    const inode = namespaceInode(this.#netns.number);
    this.#sockets = socketDirectory(
      runtimeDirectory(),
      namespaceIdentity(inode, initialNamespaceInode()),
    );
    this.#name = name;
    this.#watch = new NamespaceWatch(usersOf);
    this.#watch.onDeleted = (inode) => this.#onNamespaceDeleted(inode);
    this.#fabric = fabricSide(hca, options, String(inode));
    this.#thread = new WorkerThread(
      new URL("./data_worker.ts", import.meta.url),
    );
    this.#fabric.onCrash = (error) => this.end(error);
    this.#fabric.onEvent = (event, details) =>
      this.#record("fabric", event, details);
    this.#thread.onCrash = (error) => this.end(error);
    this.#thread.onEvent = (event, data) => this.#onEvent(event, data);
  }

  /** The name under which the interface was started. */
  get name(): string {
    return this.#options.name;
  }

  /** Listens on the control socket, which reserves the name. Throws the errors of `IpcServer.listen`. */
  async listen(): Promise<void> {
    const { name } = this.#options;
    this.#server = await IpcServer.listen(
      socketPath(this.#sockets, name),
      name,
      interfaceHandlers({
        thread: this.#thread,
        name: () => this.#name,
        readiness: this.#readiness,
        events: this.#events,
        config: () => this.#config(),
        deviceCounters: () => this.#fabric.counters(),
        clientsEnded: () => this.#server?.clientsEnded ?? 0,
        stop: () => this.end(),
      }),
    );
    this.#socketNames = new SocketNames(runtimeDirectory(), this.#server);
  }

  /** Records an event of this thread. */
  #record<K extends EventKind>(
    kind: K,
    event: EventName<K>,
    details: EventDetails,
  ): void {
    this.#events.add(
      eventRecord(Date.now(), this.#name, kind, event, details),
    );
  }

  /** Creates the interface. Throws `E_PRIVILEGE`, `E_NAME_TAKEN`, `E_LIBRARY` and other errors of its parts. */
  async start(): Promise<void> {
    this.#record("link", "created", {
      subject: this.#name,
      new: this.#fabric.where,
      cause: `pid ${Deno.pid}`,
    });
    await this.#thread.start(this.#init(await this.#fabric.start()));
    const log = getLogger(this.name);
    log.info(`${this.#fabric.where}, pid ${Deno.pid}`);
    await this.#applySetup(log);
    this.#readiness.setConfigured();
    this.#announce();
  }

  async #applySetup(log: ReturnType<typeof getLogger>): Promise<void> {
    const { setup, config } = this.#options;
    if (setup === undefined) return;
    const children = await this.#thread.call("child.list", {});
    const failed = await applySetup(
      setup,
      children.map(({ ifname }) => ifname),
      ({ method, params }) => this.#thread.call(method, params),
      log,
    );
    const except = failed === 0
      ? ""
      : `, except ${failed} setting${failed === 1 ? "" : "s"}`;
    log.info(`configuration ${config} applied${except}`);
  }

  /** Calls {@linkcode onRunning} when the interface is ready for the first time. */
  #announce(): void {
    if (!this.#readiness.isReady(this.#name)) return;
    this.onRunning();
    this.onRunning = () => {};
  }

  #config(): Result<"config.show"> {
    const { netns: _, ...options } = this.#options;
    return {
      options: {
        ...optionTexts({ ...options, hca: this.#hca }),
        ...(options.roce ? { roce: "yes" } : {}),
      },
      recv_queue_size: newReceiveRing(
        options.recvQueueSize,
        this.#hca.kind === "verbs",
      ),
    };
  }

  /**
   * Requests the end of the interface, because of `failure` if given. {@linkcode ended} then releases its resources.
   */
  end(failure?: IpoibError): void {
    this.#end.resolve(failure);
  }

  /** Waits for {@linkcode end}, releases all resources, and throws the failure if there is one. */
  async ended(): Promise<void> {
    const failure = await this.#end.promise;
    await this.#close(failure?.message ?? "requested");
    if (failure) throw failure;
  }

  #init(hca: PortInit): DataInit {
    const { log, name, pkeyIndex, mode, mtu, memberships, nextHops, io } =
      this.#options;
    const { maxGroups, maxConnections } = this.#options;
    const { recvQueueSize, sendQueueSize } = this.#options;
    return {
      ...{ log, name, pkeyIndex, mode, memberships, nextHops },
      ...{ maxGroups, maxConnections, recvQueueSize, sendQueueSize },
      // io_uring has not been measured on verbs devices.
      io: hca.kind === "verbs" && io === "auto" ? "poll" : io,
      netns: this.#netns.release(),
      adminMtu: mtu,
      hca,
    };
  }

  #onEvent(event: string, data: unknown): void {
    if (event === EVENT) this.#events.add(data as EventRecord);
    if (this.#ended) return;
    switch (event) {
      case "manager-missing":
        this.#fabric.managerMissing(data as ManagerMissing);
        return;
      case WORKER_WANTED:
        void this.#startWorker();
        return;
      case "state":
        this.#onState(data as { name: string; state: string });
        return;
      case "interfaces":
        this.#onInterfaces(data as InterfacePlace[]);
        return;
      case "gone":
        this.end();
        return;
      case "fatal":
        this.end(new IpoibError("E_SUBNET", String(data)));
        return;
    }
  }

  /** Starts another libibumad worker for the data worker. */
  async #startWorker(): Promise<void> {
    try {
      const end = await this.#fabric.startWorker?.();
      if (end) await this.#thread.call("worker.started", end);
    } catch (error) {
      const failure = IpoibError.from(error).toJSON();
      // The interface may be ending.
      await this.#thread.call("worker.failed", failure).catch(() => {});
    }
  }

  /** Handles a change of the names or namespaces of the parent and its children. */
  #onInterfaces(places: readonly InterfacePlace[]): void {
    const before = this.#places;
    this.#places = places;
    this.#name = places[0]!.name;
    for (const { name } of before) {
      if (!places.some((each) => each.name === name)) {
        this.#readiness.forget(name);
      }
    }
    this.#timer ??= setInterval(() => this.#check(), CHECK_INTERVAL_MS);
    void this.#socketNames?.update(places);
    this.#watch.follow(places.map(({ namespace }) => namespace));
  }

  #check(): void {
    this.#watch.check();
    this.#socketNames?.retry();
  }

  /** Ends the interface if the parent was in the deleted namespace; otherwise deletes the children that were in it. */
  #onNamespaceDeleted(inode: bigint): void {
    const [parent, ...children] = this.#places;
    const log = getLogger(this.#name);
    if (parent?.namespace.inode === inode) {
      log.info("stopping: the network namespace was deleted");
      return this.end();
    }
    for (const { name, namespace } of children) {
      if (namespace.inode !== inode) continue;
      log.info(`deleting ${name}: its network namespace was deleted`);
      // The child may already be deleted.
      this.#thread.call("link.del", { name }, inode).catch(() => {});
    }
  }

  #onState(change: { name: string; state: string }): void {
    this.#readiness.set(change.name, change.state);
    if (change.name === this.#name) this.#announce();
  }

  async #close(cause: string): Promise<void> {
    this.#ended = true;
    this.onEnding();
    clearInterval(this.#timer);
    await this.#thread.close().catch(() => {});
    this.#record("link", "deleted", { subject: this.#name, cause });
    // Without a place the interface was never created.
    if (this.#places.length > 0) getLogger(this.#name).info("deleted");
    await this.#socketNames?.update([]);
    await this.#server?.close();
    if (this.#server) removeEmptyDirectory(parentDirectory(this.#server.path));
    await this.#fabric.close();
    this.#netns.close();
  }
}
