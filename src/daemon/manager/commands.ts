/** The commands of the subnet's control socket, as they run in the manager's worker. */

import { IpoibError } from "../../base/errors.ts";
import type {
  FaultRecord,
  FaultRequest,
  PortOperation,
} from "../../ipc/schema.ts";
import { parsePartitionsConf } from "../../subnet/partitions_conf.ts";
import { defaultPartitions } from "../../subnet/partitions.ts";
import type { Reply } from "../thread/worker_side.ts";
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

/** Runs a command; a throw is its answer too. */
export function runManagerCommand(
  host: ManagerHost,
  command: string,
  params: unknown,
  reply: Reply,
): void {
  switch (command) {
    case "subnet.show":
      return reply.ok(host.manager.snapshot());
    case "subnet.fault.show":
      return reply.ok(faultRecord(host));
    case "subnet.fault.set":
      host.manager.setFault(params as FaultRequest);
      return host.whenFaultsTaken(() => reply.ok(faultRecord(host)));
    case "subnet.fault.clear":
      host.manager.clearFaults((params as { port?: string }).port);
      return host.whenFaultsTaken(() => reply.ok(faultRecord(host)));
    case "subnet.port":
      operate(host, params as PortOperation);
      return reply.ok({});
    case "subnet.reload":
      return reply.ok(reload(host, (params as ReloadParams).conf));
    default:
      throw new IpoibError("E_COMMAND", `Command "${command}" is not known`);
  }
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
  conf: PartitionsText | undefined,
): ReloadResult {
  const { partitions, warnings } = readPartitions(conf);
  const ports = manager.reload(partitions, now);
  return { partitions: partitions.length, ports, warnings };
}
