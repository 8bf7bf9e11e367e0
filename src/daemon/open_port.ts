/** The port of an interface's data worker: of the embedded HCA, or of a real one. */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import type { HcaPort } from "../hca/hca.ts";
import { SoftPort } from "../hca/soft/port.ts";
import { VerbsPort } from "../hca/verbs/port.ts";
import type { SubnetSnapshot } from "../subnet/messages.ts";
import type { Reactor } from "../system/reactor.ts";
import type { Emit } from "./thread/worker_side.ts";

/** Which port, as the main thread tells the worker. */
export type PortInit =
  | {
    kind: "soft";
    /** The subnet's folder. */
    directory: string;
    subnet: string;
    guid: bigint;
    guidFixed: boolean;
    subnetMtu: 2048 | 4096 | undefined;
  }
  | {
    kind: "verbs";
    device: string;
    port: number;
    /** This end of the socket pair to the worker with libibumad; on Ethernet there is none. */
    mads: number | "roce";
    /** The file of locks by which processes on the port know each other's groups; absent where each has its own. */
    locks?: string;
  };

export interface OpenedPort {
  port: HcaPort;
  /** The embedded subnet's name. */
  subnet: string | undefined;
  showSubnet(done: (subnet: SubnetSnapshot) => void): void;
}

/** Opens it; throws as `SoftPort` and `VerbsPort` do. */
export function openPort(
  { name, hca }: { name: string; hca: PortInit },
  reactor: Reactor,
  emit: Emit,
): OpenedPort {
  if (hca.kind === "verbs") {
    const { device, mads } = hca;
    return {
      port: new VerbsPort({ reactor, device, port: hca.port, mads }),
      subnet: undefined,
      showSubnet: () => {
        throw new IpoibError(
          "E_SUBNET_NAME",
          mads === "roce"
            ? `${name} is on Ethernet, which has no subnet manager`
            : `${name} is on a real fabric, whose subnet manager is asked with its own tools`,
          { errno: Errno.EOPNOTSUPP },
        );
      },
    };
  }
  const { directory, subnet, guid, guidFixed, subnetMtu } = hca;
  const log = getLogger(name);
  const port = new SoftPort({
    reactor,
    directory,
    subnet,
    guid,
    guidFixed,
    name,
    ...(subnetMtu === undefined ? {} : { subnetMtu }),
    onManagerMissing: (lastKnown, silent) =>
      emit("manager-missing", { lastKnown, silent }),
    onFailure: (error) => log.warn(error.message),
  });
  return { port, subnet, showSubnet: (done) => port.showSubnet(done) };
}
