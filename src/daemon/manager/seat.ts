/**
 * The seat of the subnet manager: the process that holds the lock of the subnet's folder has it.
 *
 * The lock ends with its process, however that ends; every other process then tries to take it, and one of them
 * becomes the manager. A manager that does not answer is replaced (seat_lock.ts).
 */

import { getLogger, type LogLevel } from "../../base/log.ts";
import { IpoibError } from "../../base/errors.ts";
import { IpcServer } from "../../ipc/server.ts";
import type { ReloadRecord } from "../../ipc/schema.ts";
import { removeFile } from "../../system/files.ts";
import type { LastKnown } from "../../subnet/messages.ts";
import { managerSocketPath } from "../../subnet/sockets.ts";
import type { ManagerInit } from "../manager_worker.ts";
import { makeGuid } from "../guid.ts";
import { sweepPorts } from "../sweep.ts";
import { WorkerThread } from "../thread/main_side.ts";
import type { ManagerCalls, PartitionsText } from "./commands.ts";
import { subnetHandlers } from "./control.ts";
import { PartitionsFile } from "./partitions_file.ts";
import { SeatLock } from "./seat_lock.ts";

/** How long a process whose manager was killed leaves the seat to others. */
const ABSTAIN_MS = 500;

export interface SeatOptions {
  /** The subnet's folder, which exists. */
  directory: string;
  subnet: string;
  /** Who sits, for show. */
  name: string;
  log: LogLevel;
  subnetMtu: 2048 | 4096 | undefined;
  /** File of the partitions; absent: the subnet's own, or those built in. */
  partitions?: string;
  /** True if the process has nothing but the manager, and dies with it. */
  alone?: boolean;
}

export class ManagerSeat {
  /** Called if the manager dies of an error, or is replaced; the seat is not this process's then. */
  onCrash: (error: Error) => void = () => {};
  readonly #options: SeatOptions;
  readonly #partitions: PartitionsFile;
  #lock: SeatLock | undefined;
  #thread: WorkerThread<ManagerCalls> | undefined;
  #server: IpcServer | undefined;
  #abstainUntil = 0;
  #starting: Promise<void> | undefined;
  #closed = false;
  /** True while a manager that does not answer is being replaced. */
  #replacing = false;

  constructor(options: SeatOptions) {
    this.#options = options;
    this.#partitions = new PartitionsFile(
      options.directory,
      options.partitions,
    );
  }

  /** Where the manager listens. */
  get #socket(): string {
    return managerSocketPath(this.#options.directory);
  }

  /**
   * Takes the seat if it is free, or if the manager that has it does not answer (`silent`, which is made sure of); false if another
   * process has it.
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
    const lock = SeatLock.take(directory) ??
      (silent ? await this.#replace() : undefined);
    // Taken by another call while this one waited, or not wanted any more.
    if (this.#lock || this.#closed) lock?.close();
    if (this.#lock || this.#closed || !lock) return this.#lock !== undefined;
    this.#lock = lock;
    this.#starting = this.#start(lock, previous);
    try {
      await this.#starting;
    } catch (error) {
      this.#thread?.terminate();
      if (lock.held) removeFile(this.#socket);
      this.#leave();
      throw error;
    } finally {
      this.#starting = undefined;
    }
    return true;
  }

  async #start(lock: SeatLock, previous?: LastKnown): Promise<void> {
    const { directory, subnet, name, log, subnetMtu } = this.#options;
    removeFile(this.#socket);
    // A subnet that nobody is on any more has left its partitions behind: a new one begins.
    const goesOn = previous !== undefined && previous.ports.length > 0;
    if (!sweepPorts(directory) && !goesOn) this.#partitions.forget();
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
      ...(goesOn ? { previous } : {}),
      ...(partitions === undefined ? {} : { partitions }),
    };
    const thread = new WorkerThread<ManagerCalls>(
      new URL("../manager_worker.ts", import.meta.url),
    );
    this.#thread = thread;
    thread.onCrash = (error) => {
      this.#abstainUntil = performance.now() + ABSTAIN_MS;
      this.#abandon(error);
    };
    thread.onEvent = (event) => {
      if (event !== "replaced") return;
      this.#abandon(
        new IpoibError(
          "E_SUBNET_REPLACED",
          "The subnet manager did not answer, and another process has replaced it",
        ),
      );
    };
    await thread.start(init);
    if (partitions) this.#keep(partitions);
    getLogger(`subnet ${subnet}`).debug("subnet manager is here");
    await this.#serve(thread);
  }

  /** Reads the partitions again, or `file` instead of what they came from; an error changes nothing. */
  async reload(file?: string): Promise<ReloadRecord> {
    if (!this.#thread) {
      throw new IpoibError("E_NOT_MANAGER", "The manager is another process");
    }
    const { directory } = this.#options;
    const from = file === undefined
      ? this.#partitions
      : new PartitionsFile(directory, file);
    const read = from.read();
    const result = await this.#thread.call("reload", { conf: read });
    if (file !== undefined) this.#partitions.rename(file);
    if (read) this.#keep(read);
    return { ...result, ...(read ? { file: read.file } : {}) };
  }

  /** Ends the manager, in order; nothing is taken from then on. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#starting?.catch(() => {});
    await this.#server?.close();
    await this.#thread?.close();
    if (this.#lock?.held) this.#clean();
    this.#leave();
  }

  async #replace(): Promise<SeatLock | undefined> {
    if (this.#replacing) return undefined;
    this.#replacing = true;
    try {
      return await SeatLock.takeFromSilent(this.#options.directory);
    } finally {
      this.#replacing = false;
    }
  }

  /** Ends a manager that is of no more use: its ports have another one, or look for one. */
  #abandon(why: IpoibError): void {
    getLogger(`subnet ${this.#options.subnet}`).warn(why.message);
    this.#thread?.terminate();
    void this.#server?.close();
    this.#leave();
    this.onCrash(why);
  }

  /** Ends the manager as a crash would: nothing is said, nothing cleaned up, and another process takes the seat. */
  async #kill(): Promise<void> {
    // Without an interface there is nothing in this process that should live on.
    if (this.#options.alone) return Deno.kill(Deno.pid, "SIGKILL");
    this.#abstainUntil = performance.now() + ABSTAIN_MS;
    await this.#thread?.close();
    await this.#server?.close();
    this.#leave();
  }

  /** Keeps the partitions for the next manager, where the folder has space. */
  #keep(partitions: PartitionsText): void {
    try {
      this.#partitions.keep(partitions);
    } catch (error) {
      getLogger(`subnet ${this.#options.subnet}`).warn(
        `The partitions cannot be kept for the next manager: ${
          IpoibError.from(error).message
        }`,
      );
    }
  }

  /** Removes what is of no use to another manager; the lock, which is held, and the folder stay. */
  #clean(): void {
    const { directory } = this.#options;
    try {
      removeFile(this.#socket);
      if (!sweepPorts(directory)) this.#partitions.forget();
    } catch {
      // What cannot be removed is no reason to fail at the end.
    }
  }

  #leave(): void {
    this.#thread = undefined;
    this.#server = undefined;
    this.#lock?.close();
    this.#lock = undefined;
  }

  /** Answers on the subnet's own control socket. */
  async #serve(thread: WorkerThread<ManagerCalls>): Promise<void> {
    const { directory, subnet } = this.#options;
    const path = `${directory}/control.sock`;
    // The lock says that nobody else is here: what lies there is a dead process's.
    removeFile(path);
    this.#server = await IpcServer.listen(
      path,
      `Subnet ${subnet}`,
      subnetHandlers({
        thread,
        reload: (file) => this.reload(file),
        kill: () =>
          void this.#kill().catch((error) =>
            this.onCrash(IpoibError.from(error))
          ),
      }),
    );
  }
}
