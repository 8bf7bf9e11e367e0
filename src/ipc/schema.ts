/** Everything that travels on a control socket, in one place to import from. */

export type {
  CoalesceRecord,
  DriverRecord,
  FeatureRecord,
} from "./schema/ethtool.ts";
export type {
  HcaRecord,
  LinkRecord,
  MtuChain,
  Stats64,
} from "./schema/link.ts";
export { RUNNING } from "./schema/link.ts";
export type { StatsRecord } from "./schema/process.ts";
export type { SubnetRecord } from "./schema/subnet.ts";
export type {
  FaultRecord,
  FaultRequest,
  PortOperation,
  ReloadRecord,
} from "./schema/fault.ts";
export type {
  ChildRecord,
  McgRecord,
  NeighRecord,
  PathRecord,
} from "./schema/tables.ts";
export { isInterfaceName } from "./schema/fields.ts";
export type { Method, Params, Result } from "./methods.ts";
export { isMethod, methods } from "./methods.ts";
export type { Event, Request, RequestId, Response } from "./envelope.ts";
