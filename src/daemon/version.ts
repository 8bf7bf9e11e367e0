/** The program's version, from the one place where it is written down. */

import manifest from "../../deno.json" with { type: "json" };

export function version(): string {
  return manifest.version;
}
