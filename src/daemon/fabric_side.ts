/**
 * What the main thread does for an interface's port: it keeps a seat for the embedded subnet's manager, or a thread for
 * libibumad; for a port on Ethernet nothing.
 */

import { IpoibError } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import { portLocksPath, runtimeDirectory } from "../ipc/locate.ts";
import { makeRuntimeFolder } from "../ipc/runtime_folder.ts";
import type { InterfaceOptions } from "../ipc/up_options.ts";
import type { LastKnown } from "../subnet/messages.ts";
import { socketPair } from "../system/socket_pair.ts";
import type { ChosenHca } from "./choose_hca.ts";
import { makeGuid } from "./guid.ts";
import { ManagerSeat } from "./manager/seat.ts";
import type { PortInit } from "./open_port.ts";
import { makeSubnetDirectory } from "./subnet_directory.ts";
import { WorkerThread } from "./thread/main_side.ts";

/** The embedded subnet has no manager, or one that does not answer. */
export interface ManagerMissing {
  readonly lastKnown: LastKnown;
  readonly silent: boolean;
}

/** See above. */
export interface FabricSide {
  /** For the log: where the interface is. */
  readonly where: string;
  /** Called if it cannot go on. */
  onCrash: (error: IpoibError) => void;
  /** Begins; what the data worker needs to open the port. */
  start(): Promise<PortInit>;
  managerMissing(missing: ManagerMissing): void;
  close(): Promise<void>;
}

/** @param host what makes the GUID of a port of the embedded HCA the interface's own */
export function fabricSide(
  hca: ChosenHca,
  options: InterfaceOptions,
  host: string,
): FabricSide {
  if (hca.kind === "soft") return new SoftSide(hca.subnet, options, host);
  return hca.roce
    ? new RoceSide(hca.device, hca.port)
    : new VerbsSide(hca.device, hca.port, options);
}

class SoftSide implements FabricSide {
  onCrash: (error: IpoibError) => void = () => {};
  readonly where: string;
  readonly #subnet: string;
  readonly #folder: string;
  readonly #options: InterfaceOptions;
  readonly #host: string;
  readonly #seat: ManagerSeat;

  constructor(subnet: string, options: InterfaceOptions, host: string) {
    const { name, log, subnetMtu } = options;
    this.where = `on the embedded subnet "${subnet}"`;
    this.#subnet = subnet;
    this.#options = options;
    this.#host = host;
    this.#folder = makeSubnetDirectory(runtimeDirectory(), subnet);
    this.#seat = new ManagerSeat({
      directory: this.#folder,
      subnet,
      name,
      log,
      subnetMtu,
    });
  }

  start(): Promise<PortInit> {
    const { guid, name, subnetMtu } = this.#options;
    return Promise.resolve({
      kind: "soft",
      directory: this.#folder,
      subnet: this.#subnet,
      guid: guid ?? makeGuid(this.#host, name),
      guidFixed: guid !== undefined,
      subnetMtu,
    });
  }

  managerMissing({ lastKnown, silent }: ManagerMissing): void {
    this.#seat.tryTake(lastKnown, silent).catch((error) => {
      const failure = IpoibError.from(error);
      // An interface that has been on the subnet goes on without a manager, until this process or another one can have it.
      if (lastKnown.ports.length === 0) this.onCrash(failure);
      else getLogger(this.#options.name).warn(failure.message);
    });
  }

  close(): Promise<void> {
    return this.#seat.close();
  }
}

class VerbsSide implements FabricSide {
  onCrash: (error: IpoibError) => void = () => {};
  readonly where: string;
  readonly #device: string;
  readonly #port: number;
  readonly #options: InterfaceOptions;
  #thread: WorkerThread<Record<never, never>> | undefined;

  constructor(device: string, port: number, options: InterfaceOptions) {
    this.where = `on ${device}/${port}`;
    this.#device = device;
    this.#port = port;
    this.#options = options;
  }

  async start(): Promise<PortInit> {
    const [ours, theirs] = socketPair();
    using _ours = ours;
    const thread = new WorkerThread<Record<never, never>>(
      new URL("./umad_worker.ts", import.meta.url),
    );
    thread.onCrash = (error) => this.onCrash(error);
    this.#thread = thread;
    const at = { device: this.#device, port: this.#port };
    await thread.start({
      ...at,
      log: this.#options.log,
      socket: theirs.release(),
    });
    const { folder, file } = portLocksPath(
      runtimeDirectory(),
      this.#device,
      this.#port,
    );
    makeRuntimeFolder(folder);
    return { kind: "verbs", ...at, mads: ours.release(), locks: file };
  }

  managerMissing(): void {}

  async close(): Promise<void> {
    await this.#thread?.close().catch(() => {});
  }
}

class RoceSide implements FabricSide {
  onCrash: (error: IpoibError) => void = () => {};
  readonly where: string;
  readonly #init: PortInit;

  constructor(device: string, port: number) {
    this.where =
      `on ${device}/${port} over Ethernet (RoCE, an extension: it reaches other nodes of this program only)`;
    this.#init = { kind: "verbs", device, port, mads: "roce" };
  }

  start(): Promise<PortInit> {
    return Promise.resolve(this.#init);
  }

  managerMissing(): void {}

  close(): Promise<void> {
    return Promise.resolve();
  }
}
