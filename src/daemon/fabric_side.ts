/**
 * Main-thread part of an HCA port. A port of the soft HCA has a candidate for the role of subnet manager, an InfiniBand
 * port of a verbs device has the libibumad worker, and an Ethernet port of a verbs device needs nothing.
 */

import { IpoibError } from "../base/errors.ts";
import type { EventDetails, EventName } from "../base/events.ts";
import { explain, getLogger } from "../base/log.ts";
import { hardwareCounters } from "../hca/verbs/hardware_counters.ts";
import { portLocksPath, runtimeDirectory } from "../ipc/locate.ts";
import { makeRuntimeDirectory } from "../ipc/runtime_directory.ts";
import type { InterfaceOptions } from "../ipc/up_options.ts";
import { type LastKnown, wasRegistered } from "../subnet/messages.ts";
import type { WorkerEnd } from "../hca/verbs/port.ts";
import { socketPair } from "../system/socket_pair.ts";
import type { ChosenHca } from "./choose_hca.ts";
import { makeGuid } from "./guid.ts";
import { ManagerRole } from "./manager/manager_role.ts";
import type { PortInit } from "./open_port.ts";
import { makeSubnetDirectory } from "./subnet_directory.ts";
import { Service } from "./thread/service.ts";
import { WorkerThread } from "./thread/worker_thread.ts";

/**
 * Bytes of each queue between the port and its libibumad worker, which hold more messages than there can be paths and
 * groups with requests at a time.
 */
const MAD_QUEUE_BYTES = 2 << 20;

/** Event of the data worker: the embedded subnet has no manager, or the manager does not answer (`silent`). */
export interface ManagerMissing {
  /** State of the subnet that the port has received from earlier managers. */
  readonly lastKnown: LastKnown;
  readonly silent: boolean;
}

/** Main-thread part of the HCA port of an interface. */
export interface FabricSide {
  /** Location of the port, for the log. */
  readonly where: string;
  /** Called with an error after which the port cannot continue. */
  onCrash: (error: IpoibError) => void;
  /** Called with each event of the main-thread part. */
  onEvent: (event: EventName<"fabric">, details: EventDetails) => void;
  /**
   * Loads the modules that {@linkcode start} needs, which takes longer than the start, and does not open the port. Throws
   * `E_WORKER`. Only InfiniBand ports of verbs devices need modules.
   */
  prepare?(): Promise<void>;
  /**
   * Starts the main-thread part, also after {@linkcode pause}. Returns the parameters with which the data worker opens
   * the port.
   */
  start(): Promise<PortInit>;
  /**
   * Releases what another process needs to open the port, after the data worker has closed it. A subnet manager goes on,
   * because the other process needs it.
   */
  pause(): Promise<void>;
  /**
   * Starts another libibumad worker, after the device was lost. Throws the errors of its start. Only InfiniBand ports of
   * verbs devices have such a worker.
   */
  startWorker?(): Promise<WorkerEnd>;
  /** Returns the counters of the device (hca/verbs/hardware_counters.ts); none on the soft HCA. */
  counters(): Record<string, number>;
  /** Tries to take the role of subnet manager. Only the soft HCA does so. */
  managerMissing(missing: ManagerMissing): void;
  /** Stops the main-thread part. */
  close(): Promise<void>;
}

/** The options of an interface that concern its port. */
type PortOptions = Pick<
  InterfaceOptions,
  "name" | "guid" | "subnetMtu" | "log"
>;

/**
 * Creates the main-thread part for a port.
 *
 * @param host text that distinguishes interfaces of the same name, for the GUID of a port of the soft HCA
 * @param known GUID that the port of the soft HCA had in another process
 */
export function fabricSide(
  hca: ChosenHca,
  options: PortOptions,
  host: string,
  known?: bigint,
): FabricSide {
  if (hca.kind === "soft") {
    const guid = options.guid ?? known ?? makeGuid(host, options.name);
    return new SoftSide(hca.subnet, options, guid);
  }
  return hca.roce
    ? new RoceSide(hca.device, hca.port)
    : new VerbsSide(hca.device, hca.port, options);
}

class SoftSide implements FabricSide {
  onCrash: (error: IpoibError) => void = () => {};
  onEvent: FabricSide["onEvent"] = () => {};
  readonly where: string;
  readonly #subnet: string;
  readonly #directory: string;
  readonly #options: PortOptions;
  readonly #guid: bigint;
  readonly #role: ManagerRole;

  constructor(subnet: string, options: PortOptions, guid: bigint) {
    const { name, log, subnetMtu } = options;
    this.where = `on the embedded subnet "${subnet}"`;
    this.#subnet = subnet;
    this.#options = options;
    this.#guid = guid;
    this.#directory = makeSubnetDirectory(runtimeDirectory(), subnet);
    this.#role = new ManagerRole({
      directory: this.#directory,
      subnet,
      name,
      log,
      subnetMtu,
    });
    const [candidate, manager] = ["candidate", `manager of subnet ${subnet}`];
    this.#role.onRole = (taken, cause) =>
      this.onEvent("manager", {
        subject: "role of this process",
        old: taken ? candidate : manager,
        new: taken ? manager : candidate,
        cause,
      });
  }

  start(): Promise<PortInit> {
    const { guid, subnetMtu } = this.#options;
    return Promise.resolve({
      kind: "soft",
      directory: this.#directory,
      subnet: this.#subnet,
      guid: this.#guid,
      guidFixed: guid !== undefined,
      subnetMtu,
    });
  }

  pause(): Promise<void> {
    return Promise.resolve();
  }

  counters(): Record<string, number> {
    return {};
  }

  managerMissing({ lastKnown, silent }: ManagerMissing): void {
    explain(
      getLogger(this.#options.name),
      () =>
        `The subnet manager ${
          silent ? "does not answer" : "is missing"
        }: this process tries to take its role`,
    );
    this.#role.tryTake(lastKnown, silent).catch((error) => {
      const failure = IpoibError.from(error);
      // An interface that was on the subnet continues without a manager until a process takes the role.
      if (!wasRegistered(lastKnown)) this.onCrash(failure);
      else getLogger(this.#options.name).warn(failure.message);
    });
  }

  close(): Promise<void> {
    return this.#role.close();
  }
}

class VerbsSide implements FabricSide {
  onCrash: (error: IpoibError) => void = () => {};
  onEvent: FabricSide["onEvent"] = () => {};
  readonly where: string;
  readonly #device: string;
  readonly #port: number;
  readonly #options: PortOptions;
  #service: WorkerService | undefined;
  /** A service that is not started yet. */
  #prepared: WorkerService | undefined;
  #closed = false;

  constructor(device: string, port: number, options: PortOptions) {
    this.where = `on ${device}/${port}`;
    this.#device = device;
    this.#port = port;
    this.#options = options;
  }

  async prepare(): Promise<void> {
    this.#prepared ??= newWorker();
    await this.#prepared.loaded;
  }

  async start(): Promise<PortInit> {
    const [device, port] = [this.#device, this.#port];
    const { directory, file } = portLocksPath(runtimeDirectory(), device, port);
    makeRuntimeDirectory(directory);
    const end = await this.startWorker();
    return { kind: "verbs", device, port, ...end, locks: file };
  }

  async startWorker(): Promise<WorkerEnd> {
    // The worker of the lost device has closed everything but its thread.
    await this.#closeWorker();
    const [ours, theirs] = socketPair(MAD_QUEUE_BYTES);
    using _ours = ours;
    const service = this.#prepared ?? newWorker();
    this.#prepared = undefined;
    service.onCrash = (error) => this.onCrash(error);
    this.#service = service;
    let connections: true | string = true;
    service.onEvent = (_event, data) => connections = data as true | string;
    await service.start({
      ...{ device: this.#device, port: this.#port, log: this.#options.log },
      socket: theirs.release(),
    });
    if (this.#closed) {
      await this.#closeWorker();
      throw new IpoibError("E_ENDED", "The interface is shutting down");
    }
    return { mads: ours.release(), connections };
  }

  pause(): Promise<void> {
    return this.#closeWorker();
  }

  counters(): Record<string, number> {
    return hardwareCounters(this.#device, this.#port);
  }

  managerMissing(): void {}

  async close(): Promise<void> {
    this.#closed = true;
    await this.#closeWorker();
    await this.#prepared?.close().catch(() => {});
  }

  async #closeWorker(): Promise<void> {
    const service = this.#service;
    this.#service = undefined;
    await service?.close().catch(() => {});
  }
}

/** The service of a libibumad worker. */
type WorkerService = Service<Record<never, never>>;

/** Starts the thread of a libibumad worker, which has this service only. */
function newWorker(): WorkerService {
  return new Service(
    new WorkerThread(new URL("./umad_worker.ts", import.meta.url)),
  );
}

class RoceSide implements FabricSide {
  onCrash: (error: IpoibError) => void = () => {};
  onEvent: FabricSide["onEvent"] = () => {};
  readonly where: string;
  readonly #init: Extract<PortInit, { kind: "verbs" }>;

  constructor(device: string, port: number) {
    this.where =
      `on ${device}/${port} over Ethernet (RoCE, reaches only nodes that run this program)`;
    this.#init = {
      ...{ kind: "verbs", device, port, mads: "roce" },
      connections: "the kernel manages the connections of an Ethernet port",
    };
  }

  start(): Promise<PortInit> {
    return Promise.resolve(this.#init);
  }

  pause(): Promise<void> {
    return Promise.resolve();
  }

  counters(): Record<string, number> {
    return hardwareCounters(this.#init.device, this.#init.port);
  }

  managerMissing(): void {}

  close(): Promise<void> {
    return Promise.resolve();
  }
}
