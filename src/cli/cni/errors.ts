/** Errors of a CNI plugin: an object on standard output and exit code 1 (CNI 1.0.0, section 5). */

import type { IpoibError } from "../../base/errors.ts";
import type { CniVersion } from "./config.ts";

/** The error codes of the specification by those of the program. */
const CODES: Record<string, number> = {
  E_CNI_VERSION: 1,
  E_CNI_CONTAINER: 3,
  E_NETNS: 3,
  E_CNI_ENVIRONMENT: 4,
  E_CNI_IO: 5,
  E_CNI_DECODE: 6,
  E_CNI_CONFIG: 7,
  E_CNI_WAIT: 11,
  E_NOT_RUNNING: 11,
};
/** The first code that the specification leaves to plugins. */
const OTHER = 100;

/** An error of another plugin, which is returned unchanged. */
export interface PluginError {
  readonly cniVersion: string;
  readonly code: number;
  readonly msg: string;
  readonly details?: string;
}

/** Returns the object for an error. */
export function errorObject(
  cniVersion: CniVersion,
  { code, message, hint }: IpoibError,
): PluginError {
  return {
    cniVersion,
    code: CODES[code] ?? OTHER,
    msg: message,
    ...(hint === undefined ? {} : { details: hint }),
  };
}
