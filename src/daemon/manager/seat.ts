/**
 * The seat of the subnet manager: whoever holds the lock of the subnet's folder sits in it.
 *
 * The lock ends with its process, however that ends; every other process then tries to take it, and one of them
 * becomes the manager.
 */

import { getLogger, type LogLevel } from "../../base/log.ts";
import { IpcServer } from "../../ipc/server.ts";
import type { SubnetRecord } from "../../ipc/schema.ts";
import type { Fd } from "../../system/fd.ts";
import { tryLock } from "../../system/lock.ts";
import type { FabricMap } from "../../subnet/messages.ts";
import type { ManagerInit } from "../manager_worker.ts";
import { makeGuid } from "../guid.ts";
import { WorkerThread } from "../thread/main_side.ts";
import { VERSION } from "../../ipc/version.ts";

export interface SeatOptions {
  /** The subnet's folder, which exists. */
  directory: string;
  subnet: string;
  /** Who sits, for show. */
  name: string;
  log: LogLevel;
  subnetMtu: 2048 | 4096 | undefined;
  /** Ends the process; absent if `stop` on the subnet's socket shall not. */
  onStop?: () => void;
}

export class ManagerSeat {
  /** Called if the manager dies of an error. */
  onCrash: (error: Error) => void = () => {};
  readonly #options: SeatOptions;
  #lock: Fd | undefined;
  #thread: WorkerThread | undefined;
  #server: IpcServer | undefined;

  constructor(options: SeatOptions) {
    this.#options = options;
  }

  /** Takes the seat if it is free; false if another process sits. */
  async tryTake(previous?: FabricMap): Promise<boolean> {
    if (this.#lock) return true;
    const { directory, subnet, name, log, subnetMtu } = this.#options;
    this.#lock = tryLock(`${directory}/manager.lock`);
    if (!this.#lock) return false;
    const socket = `${directory}/sm.sock`;
    removeQuietly(socket);
    const init: ManagerInit = {
      log,
      socket,
      subnet,
      manager: {
        guid: makeGuid("manager", subnet),
        pid: Deno.pid,
        host: Deno.hostname(),
        name,
      },
      ...(subnetMtu === undefined ? {} : { subnetMtu }),
      ...(previous?.ports.length ? { previous } : {}),
    };
    const thread = new WorkerThread(
      new URL("../manager_worker.ts", import.meta.url),
    );
    this.#thread = thread;
    thread.onCrash = (error) => this.onCrash(error);
    await thread.start(init);
    getLogger(`subnet ${subnet}`).debug("subnet manager is here");
    await this.#serve(thread);
    return true;
  }

  async close(): Promise<void> {
    await this.#server?.close();
    await this.#thread?.close();
    if (this.#lock) removeQuietly(`${this.#options.directory}/sm.sock`);
    this.#lock?.close();
    this.#lock = undefined;
  }

  /** Answers on the subnet's own control socket. */
  async #serve(thread: WorkerThread): Promise<void> {
    const { directory, subnet, onStop } = this.#options;
    const path = `${directory}/control.sock`;
    // The lock says that nobody else is here: what lies there is a dead process's.
    removeQuietly(path);
    this.#server = await IpcServer.listen(path, `Subnet ${subnet}`, {
      "version": () => ({ version: VERSION, pid: Deno.pid, interfaces: [] }),
      "subnet.show": () => thread.call<SubnetRecord>("show"),
      ...(onStop
        ? {
          "stop": (_params: unknown, context: {
            afterReply(action: () => void): void;
          }) => {
            context.afterReply(onStop);
            return {};
          },
        }
        : {}),
    });
  }
}

function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
