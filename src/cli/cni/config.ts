/** The network configuration that a CNI plugin reads from standard input (CNI 1.0.0, section 1). */

import * as v from "valibot";
import { IpoibError } from "../../base/errors.ts";
import { interfaceName, u32 } from "../../ipc/schema/fields.ts";
import { parseInteger } from "../options.ts";
import { PreviousResultSchema } from "./result.ts";

/** Versions of the specification, the newest first. Results of versions before 1.0.0 have the form of 0.3.1. */
export const VERSIONS = ["1.0.0", "0.4.0", "0.3.1", "0.3.0"] as const;
const [NEWEST] = VERSIONS;
export type CniVersion = typeof VERSIONS[number];

/** A P_Key as number or text. */
const pkey = v.pipe(
  v.union([v.number(), v.string()]),
  v.transform((value) =>
    typeof value === "number" ? value : parseInteger(value)
  ),
  v.number('must be a P_Key, such as "0x8001"'),
  v.minValue(1),
  v.maxValue(0xffff),
);

const ConfigSchema = v.object({
  cniVersion: v.picklist(VERSIONS),
  name: v.string(),
  /** The parent interface in the namespace of the runtime. Default: the only one. */
  master: v.exactOptional(interfaceName),
  /** Default: that of the parent. */
  pkey: v.exactOptional(pkey),
  mode: v.exactOptional(v.picklist(["datagram", "connected"])),
  mtu: v.exactOptional(u32),
  umcast: v.exactOptional(v.boolean()),
  ipam: v.exactOptional(v.looseObject({ type: v.exactOptional(v.string()) })),
  dns: v.exactOptional(v.record(v.string(), v.unknown())),
  prevResult: v.exactOptional(PreviousResultSchema),
});

/** The members that the plugin uses. */
export type NetworkConfig = v.InferOutput<typeof ConfigSchema>;

/** Parses a configuration. Throws `E_CNI_DECODE`, `E_CNI_VERSION`, `E_CNI_CONFIG`. */
export function parseConfig(text: string): NetworkConfig {
  const value = parseJson(text);
  const version = (value as { cniVersion?: unknown } | null)?.cniVersion;
  if (!VERSIONS.some((each) => each === version)) {
    throw new IpoibError(
      "E_CNI_VERSION",
      `CNI version ${JSON.stringify(version ?? "0.1.0")} is not supported`,
      { hint: `expected ${VERSIONS.join(", ")}` },
    );
  }
  const parsed = v.safeParse(ConfigSchema, value);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new IpoibError(
    "E_CNI_CONFIG",
    `Invalid network configuration at "${
      v.getDotPath(issue)
    }": ${issue.message}`,
  );
}

/** Returns the version in the configuration of a call that may have failed because of it; else the newest. */
export function versionOf(text: string): CniVersion {
  try {
    const { cniVersion } = parseJson(text) as { cniVersion?: unknown };
    return VERSIONS.find((each) => each === cniVersion) ?? NEWEST;
  } catch {
    return NEWEST;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new IpoibError(
      "E_CNI_DECODE",
      "The network configuration on standard input is not JSON",
      { cause },
    );
  }
}
