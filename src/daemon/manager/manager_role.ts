/**
 * The role of subnet manager of an embedded subnet. The process that has locked the lock file in the directory of the
 * subnet has the role and runs the manager worker.
 *
 * The kernel releases the lock when its holder ends. The other processes then try to lock the file, and the process
 * that succeeds becomes the manager. A manager that does not answer is replaced (manager_lock.ts).
 */

import type { EventRecord } from "../../base/events.ts";
import { getLogger, type LogLevel } from "../../base/log.ts";
import { IpoibError } from "../../base/errors.ts";
import { IpcServer } from "../../ipc/server.ts";
import type { ReloadRecord } from "../../ipc/schema.ts";
import { removeFile } from "../../system/files.ts";
import { type LastKnown, wasRegistered } from "../../subnet/messages.ts";
import { managerSocketPath } from "../../subnet/sockets.ts";
import type { ManagerInit } from "../manager_worker.ts";
import { makeGuid } from "../guid.ts";
import { EventHistory } from "../event_history.ts";
import { EVENT } from "../open_events.ts";
import { sweepPorts } from "../sweep.ts";
import { Service } from "../thread/service.ts";
import { WorkerThread } from "../thread/worker_thread.ts";
import type { ManagerCalls, PartitionsText } from "./commands.ts";
import { subnetHandlers } from "./control.ts";
import { PartitionsFile } from "./partitions_file.ts";
import { ManagerLock } from "./manager_lock.ts";

/** Time during which a process whose manager was killed or has crashed leaves the role to other processes. */
const ABSTAIN_MS = 500;

export interface ManagerRoleOptions {
  /** Directory of the subnet, which must exist. */
  directory: string;
  /** Name of the subnet. */
  subnet: string;
  /** Name of the owner in `ipoib subnet show`: the interface, or `subnet run`. */
  name: string;
  log: LogLevel;
  /** IB MTU of the subnet in bytes; undefined for the default. */
  subnetMtu: 2048 | 4096 | undefined;
  /**
   * Path of the partition configuration. Default: the copy in the directory of the subnet, or the built-in partitions.
   */
  partitions?: string;
  /** True if the process runs only the manager. `subnet.kill` then kills the process. */
  alone?: boolean;
}

/** A candidate for the role of subnet manager, and its holder after {@linkcode tryTake} has returned true. */
export class ManagerRole {
  /** Called when this process has taken the role, and when it has given it up, with the cause. */
  onRole: (taken: boolean, cause: string) => void = () => {};
  /** Called if the manager crashes, does not answer, is replaced, or cannot be closed by `subnet.kill`. */
  onCrash: (error: Error) => void = () => {};
  readonly #options: ManagerRoleOptions;
  readonly #partitions: PartitionsFile;
  readonly #events = new EventHistory();
  #lock: ManagerLock | undefined;
  #service: Service<ManagerCalls> | undefined;
  #server: IpcServer | undefined;
  #abstainUntil = 0;
  #starting: Promise<void> | undefined;
  #closed = false;
  /** True while this process takes over from a manager that does not answer. */
  #takingOver = false;

  constructor(options: ManagerRoleOptions) {
    this.#options = options;
    this.#partitions = new PartitionsFile(
      options.directory,
      options.partitions,
    );
  }

  /** Path of the socket to which ports connect. */
  get #socket(): string {
    return managerSocketPath(this.#options.directory);
  }

  /**
   * Takes the role if no process has it, or, with `silent`, if the manager does not answer a ping. With `silent`, a
   * manager of this process is first terminated. Returns true if this process has the role. Returns false if another
   * process has it, while this process abstains, and after {@linkcode close}.
   *
   * Throws `E_LOCK`, `E_PARTITIONS_FILE`, `E_PARTITIONS_CONF` and the errors of the worker's start; this process then
   * does not have the role.
   *
   * @param previous state of the subnet under the previous manager
   */
  async tryTake(previous?: LastKnown, silent = false): Promise<boolean> {
    if (this.#lock && silent) {
      this.#abandon(
        new IpoibError("E_SUBNET_SILENT", "The subnet manager does not answer"),
      );
    }
    if (this.#lock) return true;
    if (this.#closed || performance.now() < this.#abstainUntil) return false;
    const { directory } = this.#options;
    const lock = ManagerLock.take(directory) ??
      (silent ? await this.#takeOver() : undefined);
    // During the wait another call may have taken the role, or close() may have been called.
    if (this.#lock || this.#closed) lock?.close();
    if (this.#lock || this.#closed || !lock) return this.#lock !== undefined;
    this.#lock = lock;
    this.#take(causeOfTaking(previous, silent));
    this.#starting = this.#start(lock, previous);
    try {
      await this.#starting;
    } catch (error) {
      this.#service?.terminate();
      if (lock.held) removeFile(this.#socket);
      this.#release();
      throw error;
    } finally {
      this.#starting = undefined;
    }
    return true;
  }

  async #start(lock: ManagerLock, previous?: LastKnown): Promise<void> {
    const { directory, subnet, name, log, subnetMtu } = this.#options;
    removeFile(this.#socket);
    // Without live ports and previous state this is a new subnet, and the copy is that of an earlier one.
    const continues = previous !== undefined && wasRegistered(previous);
    if (!sweepPorts(directory) && !continues) this.#partitions.removeCopy();
    const partitions = this.#partitions.read();
    const init: ManagerInit = {
      log,
      socket: this.#socket,
      lock: { path: lock.path, inode: lock.inode },
      subnet,
      manager: {
        guid: makeGuid("manager", subnet),
        pid: Deno.pid,
        host: Deno.hostname(),
        name,
      },
      ...(subnetMtu === undefined ? {} : { subnetMtu }),
      ...(continues ? { previous } : {}),
      ...(partitions === undefined ? {} : { partitions }),
    };
    const service = new Service<ManagerCalls>(
      new WorkerThread(new URL("../manager_worker.ts", import.meta.url)),
    );
    this.#service = service;
    service.onCrash = (error) => {
      this.#abstainUntil = performance.now() + ABSTAIN_MS;
      this.#abandon(error);
    };
    service.onEvent = (event, data) => {
      if (event === EVENT) this.#events.add(data as EventRecord);
      if (event !== "replaced") return;
      this.#abandon(
        new IpoibError(
          "E_SUBNET_REPLACED",
          "The subnet manager did not answer, and another process has replaced it",
        ),
      );
    };
    await service.start(init);
    if (partitions) this.#keep(partitions);
    getLogger(`subnet ${subnet}`).debug("subnet manager started");
    await this.#serve(service);
  }

  /**
   * Reloads the partitions, from `file` if given, which then replaces the previous source. On an error nothing changes.
   * Throws `E_NOT_MANAGER`, `E_PARTITIONS_FILE`, `E_PARTITIONS_CONF`.
   */
  async reload(file?: string): Promise<ReloadRecord> {
    if (!this.#service) {
      throw new IpoibError(
        "E_NOT_MANAGER",
        "This process is not the subnet manager",
      );
    }
    const { directory } = this.#options;
    const from = file === undefined
      ? this.#partitions
      : new PartitionsFile(directory, file);
    const read = from.read();
    const result = await this.#service.call("reload", { conf: read });
    if (file !== undefined) this.#partitions.setSource(file);
    if (read) this.#keep(read);
    return { ...result, ...(read ? { file: read.file } : {}) };
  }

  /** Stops the manager and removes its files. {@linkcode tryTake} returns false afterwards. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#starting?.catch(() => {});
    await this.#server?.close();
    await this.#service?.close();
    if (this.#lock?.held) this.#removeFiles();
    this.#release();
  }

  /** Records that this process has the role. */
  #take(cause: string): void {
    this.onRole(true, cause);
    const { subnet, name } = this.#options;
    this.#events.record({ name: `subnet ${subnet}` }, "fabric", "manager", {
      subject: "subnet manager",
      new: `${name}, pid ${Deno.pid}`,
      cause,
    });
  }

  async #takeOver(): Promise<ManagerLock | undefined> {
    if (this.#takingOver) return undefined;
    this.#takingOver = true;
    try {
      return await ManagerLock.takeOver(this.#options.directory);
    } finally {
      this.#takingOver = false;
    }
  }

  /**
   * Terminates a manager that has crashed, does not answer, was replaced or cannot be closed, and gives up the role.
   */
  #abandon(why: IpoibError): void {
    getLogger(`subnet ${this.#options.subnet}`).warn(why.message);
    this.onRole(false, why.message);
    this.#service?.terminate();
    void this.#server?.close();
    this.#release();
    this.onCrash(why);
  }

  /**
   * Ends the manager without removing the ports' socket and the partitions, as after a crash, and gives up the role.
   */
  async #kill(): Promise<void> {
    const service = this.#service;
    this.onRole(false, "killed by `ipoib subnet fault`");
    this.#abstainUntil = performance.now() + ABSTAIN_MS;
    try {
      // The process has no interface that must keep running.
      if (this.#options.alone) return Deno.kill(Deno.pid, "SIGKILL");
      await service?.close();
      await this.#server?.close();
      this.#release();
    } catch (error) {
      // If the worker has crashed, the role is given up already.
      if (this.#service === service) this.#abandon(IpoibError.from(error));
    }
  }

  /** Stores the partitions for the next manager. A failure, for example on a full file system, is only logged. */
  #keep(partitions: PartitionsText): void {
    try {
      this.#partitions.keep(partitions);
    } catch (error) {
      getLogger(`subnet ${this.#options.subnet}`).warn(
        `Cannot store the partitions for the next subnet manager: ${
          IpoibError.from(error).message
        }`,
      );
    }
  }

  /**
   * Removes the socket and, without live ports, the copy of the partitions. The lock file stays, because it is locked.
   */
  #removeFiles(): void {
    const { directory } = this.#options;
    try {
      removeFile(this.#socket);
      if (!sweepPorts(directory)) this.#partitions.removeCopy();
    } catch {
      // A file that cannot be removed must not make the exit fail.
    }
  }

  /** Releases the lock, and with it the role. */
  #release(): void {
    this.#service = undefined;
    this.#server = undefined;
    this.#lock?.close();
    this.#lock = undefined;
  }

  /** Listens on the control socket of the subnet. */
  async #serve(service: Service<ManagerCalls>): Promise<void> {
    const { directory, subnet } = this.#options;
    const path = `${directory}/control.sock`;
    // This process holds the lock, so a socket at this path is stale.
    removeFile(path);
    this.#server = await IpcServer.listen(
      path,
      `Subnet ${subnet}`,
      subnetHandlers({
        service,
        events: this.#events,
        reload: (file) => this.reload(file),
        kill: () => void this.#kill(),
      }),
    );
  }
}

function causeOfTaking(
  previous: LastKnown | undefined,
  silent: boolean,
): string {
  if (silent) return "the manager before did not answer";
  return previous && wasRegistered(previous)
    ? "the manager before has ended"
    : "the subnet had no manager";
}
