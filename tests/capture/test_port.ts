import type { PortAttributes } from "../../src/hca/port_attributes.ts";
import { unconfigured } from "../../src/hca/soft/port_attributes.ts";

/** Returns the attributes of a port of the embedded HCA, changed. */
export function unconfiguredPort(
  changes: Partial<PortAttributes>,
): PortAttributes {
  return { ...unconfigured("default", 0x1122n), ...changes };
}
