/** Opens the HCA port of a data worker: a port of the soft HCA or of a verbs device. */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import type { HcaPort } from "../hca/hca.ts";
import { SoftPort } from "../hca/soft/port.ts";
import { VerbsPort, type WorkerRequest } from "../hca/verbs/port.ts";
import type { InterfaceEvents } from "../ipoib/interface_events.ts";
import { ringSize } from "../ipoib/rings.ts";
import type { SubnetSnapshot } from "../subnet/messages.ts";
import type { Reactor } from "../system/reactor.ts";
import { SubnetEvents } from "./subnet_events.ts";
import type { Emit } from "./thread/worker_side.ts";

/** Parameters of a port, from the main thread. */
export type PortInit =
  | {
    kind: "soft";
    /** Directory of the subnet. */
    directory: string;
    /** Name of the subnet. */
    subnet: string;
    guid: bigint;
    /** True if the port must not use another GUID. */
    guidFixed: boolean;
    /** IB MTU that the subnet must have, in bytes. */
    subnetMtu: 2048 | 4096 | undefined;
  }
  | {
    kind: "verbs";
    device: string;
    port: number;
    /**
     * Descriptor of the socket pair to the libibumad worker, or "roce" for an Ethernet port, which has no such worker.
     */
    mads: number | "roce";
    /** True if the worker has registered for connection management; otherwise the reason why it has not. */
    connections: true | string;
    /** Path of the lock file for multicast memberships (shared_port.ts). Absent for Ethernet ports. */
    locks?: string;
  };

export interface OpenedPort {
  port: HcaPort;
  /** Name of the embedded subnet; undefined for a verbs device. */
  subnet: string | undefined;
  /** Fetches a snapshot from the subnet manager. Throws `E_SUBNET_NAME` (EOPNOTSUPP) for a verbs device. */
  showSubnet(done: (subnet: SubnetSnapshot) => void): void;
}

/** Parameters of {@linkcode openPort}. */
export interface OpenInit {
  readonly name: string;
  readonly hca: PortInit;
  readonly sendQueueSize: number | undefined;
}

/**
 * Opens the port. Throws the errors of `SoftPort` and `VerbsPort`.
 *
 * @param requestWorker requests another libibumad worker
 * @param events takes the events of the port
 */
export function openPort(
  { name, hca, sendQueueSize: requested }: OpenInit,
  reactor: Reactor,
  emit: Emit,
  requestWorker: WorkerRequest,
  events: InterfaceEvents,
): OpenedPort {
  const sendQueueSize = requested === undefined
    ? undefined
    : ringSize(requested);
  if (hca.kind === "verbs") {
    const { device, port, mads, connections } = hca;
    return {
      port: new VerbsPort({
        ...{ reactor, device, port, mads, connections, requestWorker },
        sendQueueSize,
      }),
      subnet: undefined,
      showSubnet: () => {
        throw new IpoibError(
          "E_SUBNET_NAME",
          mads === "roce"
            ? `${name} is on an Ethernet port, which has no subnet manager`
            : `${name} is on a fabric with its own subnet manager; query it with the tools of that manager`,
          { errno: Errno.EOPNOTSUPP },
        );
      },
    };
  }
  const { directory, subnet, guid, guidFixed, subnetMtu } = hca;
  const log = getLogger(name);
  if (sendQueueSize !== undefined) {
    log.warn("--send-queue-size has no effect on the embedded subnet");
  }
  const subnetEvents = new SubnetEvents(events, subnet);
  const port = new SoftPort({
    reactor,
    directory,
    subnet,
    guid,
    guidFixed,
    name,
    ...(subnetMtu === undefined ? {} : { subnetMtu }),
    onManagerMissing: (lastKnown, silent) => {
      subnetEvents.managerMissing(silent);
      emit("manager-missing", { lastKnown, silent });
    },
    onRegistered: () => subnetEvents.registered(),
    onFaultRule: (rule) => subnetEvents.faults(rule),
    onFailure: (error) => log.warn(error.message),
  });
  return { port, subnet, showSubnet: (done) => port.showSubnet(done) };
}
