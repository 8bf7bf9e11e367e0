/** The folder of an embedded subnet. */

import { subnetDirectory } from "../ipc/locate.ts";

/** Makes it if need be, closed to others; returns its path. */
export function makeSubnetDirectory(runtime: string, subnet: string): string {
  const path = subnetDirectory(runtime, subnet);
  const mask = Deno.umask(0o022);
  try {
    Deno.mkdirSync(runtime, { recursive: true });
    Deno.umask(0o077);
    Deno.mkdirSync(path, { recursive: true });
  } finally {
    Deno.umask(mask);
  }
  return path;
}
