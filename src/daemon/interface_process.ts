/**
 * The main thread's part of an interface: its name and namespace, its control socket, the worker, the fabric's main-thread
 * part, the end.
 *
 * Order of the beginning: the control socket first (it claims the name), then the worker with the port and the
 * TAP, then the wait for the subnet. Order of the end: the worker (so that groups are left and the TAP goes), the
 * socket, and last the manager's seat, which another interface then takes, of this process or another one.
 *
 * A process may have several: see interface_group.ts.
 */

import { IpoibError } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import {
  namespaceIdentity,
  runtimeDirectory,
  socketDirectory,
  socketPath,
} from "../ipc/locate.ts";
import { folderOf, removeEmptyFolder } from "../ipc/runtime_folder.ts";
import { RUNNING } from "../ipc/schema.ts";
import { IpcServer } from "../ipc/server.ts";
import type { InterfaceOptions } from "../ipc/up_options.ts";
import type { Fd } from "../system/fd.ts";
import {
  initialNamespaceInode,
  namespaceInode,
  type NetworkNamespace,
  openNamespace,
  ownNamespace,
} from "../system/namespace.ts";
import type { DataInit, InterfacePlace } from "./data_worker.ts";
import type { ChosenHca } from "./choose_hca.ts";
import {
  type FabricSide,
  fabricSide,
  type ManagerMissing,
} from "./fabric_side.ts";
import type { DataCalls } from "./commands/context.ts";
import { interfaceHandlers } from "./handlers.ts";
import type { PortInit } from "./open_port.ts";
import { NamespaceWatch, type Users } from "./namespace_watch.ts";
import { Readiness } from "./readiness.ts";
import { SocketNames } from "./socket_names.ts";
import { WorkerThread } from "./thread/main_side.ts";

/** How often what the kernel tells nothing of is looked at. */
const LOOK_INTERVAL_MS = 1000;

export class InterfaceProcess {
  /** Called when the interface carries traffic for the first time. */
  onRunning: () => void = () => {};
  /** Called when it begins to end. */
  onEnding: () => void = () => {};

  readonly #options: InterfaceOptions;
  readonly #netns: Fd;
  readonly #sockets: string;
  readonly #thread: WorkerThread<DataCalls>;
  readonly #fabric: FabricSide;
  readonly #watch: NamespaceWatch;
  readonly #readiness = new Readiness();
  readonly #end = Promise.withResolvers<IpoibError | undefined>();
  /** What the kernel calls it at this time. */
  #name: string;
  /** Where the interfaces are, the parent first; none before it was made. */
  #places: readonly InterfacePlace[] = [];
  #server: IpcServer | undefined;
  #socketNames: SocketNames | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #ended = false;

  /**
   * Opens the namespace (`E_NETNS`) and, for the embedded HCA, makes the subnet's folder.
   *
   * @param usersOf who uses a namespace
   */
  constructor(
    options: InterfaceOptions,
    hca: ChosenHca,
    usersOf: (namespace: NetworkNamespace) => Users,
  ) {
    const { name, netns } = options;
    this.#options = options;
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
    this.#thread.onCrash = (error) => this.end(error);
    this.#thread.onEvent = (event, data) => this.#onEvent(event, data);
  }

  /** As it was started. */
  get name(): string {
    return this.#options.name;
  }

  /** Takes the name: listens at the control socket. Throws `E_RUNNING` and what else `IpcServer.listen` throws. */
  async listen(): Promise<void> {
    const { name } = this.#options;
    this.#server = await IpcServer.listen(
      socketPath(this.#sockets, name),
      name,
      interfaceHandlers({
        thread: this.#thread,
        name: () => this.#name,
        readiness: this.#readiness,
        clientsEnded: () => this.#server?.clientsEnded ?? 0,
        stop: () => this.end(),
      }),
    );
    this.#socketNames = new SocketNames(runtimeDirectory(), this.#server);
  }

  /** Makes the interface; throws why it cannot be (`E_PRIVILEGE`, `E_NAME_TAKEN`, `E_LIBRARY`, ...). */
  async start(): Promise<void> {
    await this.#thread.start(this.#init(await this.#fabric.start()));
    getLogger(this.name).info(`${this.#fabric.where}, pid ${Deno.pid}`);
  }

  /** Ends {@linkcode ended}, with an error or in order. */
  end(failure?: IpoibError): void {
    this.#end.resolve(failure);
  }

  /** Waits for {@linkcode end}, however far it has come, and lets go of everything; throws what ended it. */
  async ended(): Promise<void> {
    const failure = await this.#end.promise;
    await this.#close();
    if (failure) throw failure;
  }

  #init(hca: PortInit): DataInit {
    const { log, name, pkeyIndex, mtu, memberships, nextHops, maxGroups, io } =
      this.#options;
    return {
      ...{ log, name, pkeyIndex, memberships, nextHops, maxGroups },
      // Reads that go on by themselves have not been measured on real devices yet.
      io: hca.kind === "verbs" && io === "auto" ? "poll" : io,
      netns: this.#netns.release(),
      adminMtu: mtu,
      hca,
    };
  }

  #onEvent(event: string, data: unknown): void {
    if (this.#ended) return;
    switch (event) {
      case "manager-missing":
        this.#fabric.managerMissing(data as ManagerMissing);
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

  /** The parent, and its children. */
  #onInterfaces(places: readonly InterfacePlace[]): void {
    const before = this.#places;
    this.#places = places;
    this.#name = places[0]!.name;
    for (const { name } of before) {
      if (!places.some((each) => each.name === name)) {
        this.#readiness.forget(name);
      }
    }
    this.#timer ??= setInterval(() => this.#look(), LOOK_INTERVAL_MS);
    void this.#socketNames?.update(places);
    this.#watch.follow(places.map(({ namespace }) => namespace));
  }

  #look(): void {
    this.#watch.check();
    this.#socketNames?.retry();
  }

  /** Its interfaces end with it, as those of ib_ipoib do; those elsewhere stay, unless it was the parent's. */
  #onNamespaceDeleted(inode: bigint): void {
    const [parent, ...children] = this.#places;
    const log = getLogger(this.#name);
    if (parent?.namespace.inode === inode) {
      log.info("its network namespace was deleted");
      return this.end();
    }
    for (const { name, namespace } of children) {
      if (namespace.inode !== inode) continue;
      log.info(`the network namespace of ${name} was deleted`);
      // It may be gone already.
      this.#thread.call("link.del", { name }).catch(() => {});
    }
  }

  #onState(change: { name: string; state: string }): void {
    this.#readiness.set(change.name, change.state);
    this.#server?.broadcast("state", change);
    if (change.name !== this.#name || change.state !== RUNNING) return;
    this.onRunning();
    this.onRunning = () => {};
  }

  async #close(): Promise<void> {
    this.#ended = true;
    this.onEnding();
    clearInterval(this.#timer);
    await this.#thread.close().catch(() => {});
    await this.#socketNames?.update([]);
    await this.#server?.close();
    if (this.#server) removeEmptyFolder(folderOf(this.#server.path));
    await this.#fabric.close();
    this.#netns.close();
  }
}
