/** Everything that travels on a control socket, in one place to import from. */

export * from "./schema/ethtool.ts";
export * from "./schema/fault.ts";
export * from "./schema/link.ts";
export * from "./schema/stats.ts";
export * from "./schema/subnet.ts";
export * from "./schema/tables.ts";
export { isInterfaceName } from "./schema/fields.ts";
export * from "./methods.ts";
