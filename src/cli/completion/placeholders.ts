/**
 * Sources by placeholder: `[IF]` in the arguments of a command, `<NS>` in the flags of an option. A command whose
 * placeholders are here needs no further declaration.
 */

import { FILES, type Source, words } from "./candidates.ts";
import {
  HCAS,
  INTERFACES,
  NAMESPACES,
  NEIGHBOURS,
  SUBNET_PORTS,
  SUBNETS,
} from "./live.ts";

const SOURCES: Readonly<Record<string, Source>> = {
  addr: NEIGHBOURS,
  dir: FILES,
  file: FILES,
  folder: FILES,
  hca: HCAS,
  if: INTERFACES,
  ns: NAMESPACES,
  path: FILES,
  peer: NEIGHBOURS,
  port: SUBNET_PORTS,
  shell: words("bash", "zsh", "fish"),
  subnet: SUBNETS,
  "subnet-mtu": words("2048", "4096"),
};

/** Returns the source of a placeholder; undefined if nothing is known about its values. */
export function sourceOf(placeholder: string): Source | undefined {
  const name = placeholder.toLowerCase();
  return Object.hasOwn(SOURCES, name) ? SOURCES[name] : undefined;
}
