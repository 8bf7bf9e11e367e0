/** What this machine offers the suites. */

import { succeeds } from "../succeeds.ts";
import { isInstalled } from "./packages.ts";
import type { Host } from "./suites.ts";

const RELEASE = "/etc/os-release";
const DEBIAN_12 = /^VERSION_CODENAME=bookworm$/m;

/** Looks; needs `--allow-read` and `--allow-run`. */
export async function thisHost(): Promise<Host> {
  return {
    root: Deno.uid() === 0,
    // Deno's own file calls reach /dev under --allow-all only.
    tun: await succeeds(["test", "-c", "/dev/net/tun"]),
    has: isInstalled,
    debian: Deno.build.arch === "x86_64" &&
      DEBIAN_12.test(await Deno.readTextFile(RELEASE).catch(() => "")),
  };
}
