/** What the manager's worker is called with: methods of the subnet's control socket, and the reading of partitions. */

import type { FaultRecord, PortOperation } from "../../ipc/schema.ts";
import { parsePartitionsConf } from "../../subnet/partitions_conf.ts";
import { defaultPartitions } from "../../subnet/partitions.ts";
import { type Commands, Later, type MethodCalls } from "../thread/commands.ts";
import type { ManagerHost } from "./host.ts";

/** A partitions.conf: its text, and its name for messages. */
export interface PartitionsText {
  text: string;
  file: string;
}

/** What is reloaded; without a file the partitions that are built in. */
export interface ReloadParams {
  conf?: PartitionsText | undefined;
}

/** What a reload came to. */
export interface ReloadResult {
  partitions: number;
  /** Ports whose P_Key table is another one now. */
  ports: number;
  warnings: string[];
}

/** What the manager's worker is called with. */
export type ManagerCalls = MethodCalls<"subnet"> & {
  "reload": { params: ReloadParams; result: ReloadResult };
};

export const managerCommands: Commands<ManagerHost, ManagerCalls> = {
  "subnet.show": ({ manager }) => manager.snapshot(),
  "subnet.fault.show": faultRecord,
  "subnet.fault.set": (host, fault) => {
    host.manager.setFault(fault);
    return whenTaken(host);
  },
  "subnet.fault.clear": (host, { port }) => {
    host.manager.clearFaults(port);
    return whenTaken(host);
  },
  "subnet.port": (host, operation) => {
    operate(host, operation);
    return {};
  },
  "reload": reload,
};

/** The faults, once every port follows them or does not answer. */
function whenTaken(host: ManagerHost): Later<FaultRecord> {
  return new Later((done) =>
    host.whenFaultsTaken(() => done(faultRecord(host)))
  );
}

function faultRecord({ manager }: ManagerHost): FaultRecord {
  const { version, rules } = manager.faults;
  return {
    version,
    rules: rules.map(({ since: _since, ...rule }) => rule),
    waiting: manager.portsWithoutFaults()
      .map(({ lid, name }) => ({ lid, name })),
  };
}

/** The partitions that a file defines, or those built in. */
export function readPartitions(conf: PartitionsText | undefined) {
  return conf === undefined
    ? { partitions: defaultPartitions(), warnings: [] }
    : parsePartitionsConf(conf.text, conf.file);
}

function operate({ manager, now }: ManagerHost, operation: PortOperation) {
  const port = BigInt(operation.port);
  switch (operation.action) {
    case "down":
      return manager.setPortState(port, "down", now);
    case "up":
      return manager.setPortState(port, "active", now);
    case "lid":
      manager.moveLid(port, operation.lid, now);
      // Nobody else hears of the event: without this the others would keep their paths to the old LID.
      return manager.reregister("all");
    case "pkeys":
      return manager.setPkeys(port, operation.pkeys, now);
    case "reregister":
      return manager.reregister(port);
  }
}

function reload(
  { manager, now }: ManagerHost,
  { conf }: ReloadParams,
): ReloadResult {
  const { partitions, warnings } = readPartitions(conf);
  const ports = manager.reload(partitions, now);
  return { partitions: partitions.length, ports, warnings };
}
