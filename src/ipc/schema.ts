/** Exports all methods and records of the control sockets. */

export * from "./schema/doctor_record.ts";
export * from "./schema/capture_records.ts";
export * from "./schema/address_records.ts";
export * from "./schema/ethtool_records.ts";
export * from "./schema/event_record.ts";
export * from "./schema/fault_records.ts";
export * from "./schema/figures.ts";
export * from "./schema/link_record.ts";
export * from "./schema/stats.ts";
export * from "./schema/subnet_record.ts";
export * from "./schema/table_records.ts";
export {
  INTERFACE_NAME_RULE,
  isInterfaceName,
  isIpAddress,
  isIpPrefix,
} from "./schema/fields.ts";
export * from "./schema/upgrade_record.ts";
export * from "./methods.ts";
