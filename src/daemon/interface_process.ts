/**
 * The main thread's part of an interface: its name, its control socket, the worker, the fabric's main-thread part, the end.
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
import { RUNNING } from "../ipc/schema.ts";
import { IpcServer } from "../ipc/server.ts";
import type { InterfaceOptions } from "../ipc/up_options.ts";
import type { FabricMap } from "../subnet/messages.ts";
import type { Fd } from "../system/fd.ts";
import {
  initialNamespaceInode,
  namespaceInode,
  openNamespace,
  ownNamespace,
} from "../system/namespace.ts";
import type { DataInit } from "./data_worker.ts";
import type { ChosenHca } from "./choose_hca.ts";
import { type FabricSide, fabricSide } from "./fabric_side.ts";
import { controlHandlers } from "./handlers.ts";
import type { PortInit } from "./open_port.ts";
import { OtherNames } from "./other_names.ts";
import { Readiness } from "./readiness.ts";
import { WorkerThread } from "./thread/main_side.ts";

export class InterfaceProcess {
  /** Called when the interface carries traffic for the first time. */
  onRunning: () => void = () => {};
  /** Called when it begins to end. */
  onEnding: () => void = () => {};

  readonly #options: InterfaceOptions;
  readonly #netns: Fd;
  readonly #inode: bigint;
  readonly #sockets: string;
  readonly #thread: WorkerThread;
  readonly #fabric: FabricSide;
  readonly #otherNames: OtherNames;
  readonly #readiness = new Readiness();
  readonly #end = Promise.withResolvers<IpoibError | undefined>();
  /** What the kernel calls it at this time. */
  #name: string;
  #server: IpcServer | undefined;
  #ended = false;

  /** Opens the namespace (`E_NETNS`) and, for the embedded HCA, makes the subnet's folder. */
  constructor(options: InterfaceOptions, hca: ChosenHca) {
    const { name, netns } = options;
    this.#options = options;
    this.#netns = netns === undefined ? ownNamespace() : openNamespace(netns);
    this.#inode = namespaceInode(this.#netns.number);
    this.#sockets = socketDirectory(
      runtimeDirectory(),
      namespaceIdentity(this.#inode, initialNamespaceInode()),
    );
    this.#name = name;
    this.#otherNames = new OtherNames(this.#sockets, name);
    this.#fabric = fabricSide(hca, options, String(this.#inode));
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
      controlHandlers({
        thread: this.#thread,
        name: () => this.#name,
        namespace: Number(this.#inode),
        readiness: this.#readiness,
        stop: () => this.end(),
      }),
    );
    this.#otherNames.clean();
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
      namespaceInode: Number(this.#inode),
      adminMtu: mtu,
      hca,
    };
  }

  #onEvent(event: string, data: unknown): void {
    if (this.#ended) return;
    switch (event) {
      case "manager-missing":
        this.#fabric.managerMissing(data as FabricMap);
        return;
      case "state":
        this.#onState(data as { name: string; state: string });
        return;
      case "names":
        this.#onNames(data as string[]);
        return;
      case "gone":
        this.end();
        return;
      case "fatal":
        this.end(new IpoibError("E_SUBNET", String(data)));
        return;
    }
  }

  /** The parent's name, and those of its children. */
  #onNames(names: readonly string[]): void {
    this.#name = names[0]!;
    for (const gone of this.#otherNames.update(names)) {
      this.#readiness.forget(gone);
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
    await this.#thread.close().catch(() => {});
    if (this.#server) this.#otherNames.update([]);
    await this.#server?.close();
    await this.#fabric.close();
    this.#netns.close();
  }
}
