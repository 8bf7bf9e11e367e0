/** Detects the features of this machine that suites need. */

import { succeeds } from "../succeeds.ts";
import { isInstalled } from "./packages.ts";
import type { Host } from "./suites.ts";

const RELEASE = "/etc/os-release";
const DEBIAN_12 = /^VERSION_CODENAME=bookworm$/m;

/** Returns the features. Needs `--allow-read` and `--allow-run`. */
export async function thisHost(): Promise<Host> {
  return {
    root: Deno.uid() === 0,
    // Deno opens files in /dev only with --allow-all.
    tun: await succeeds(["test", "-c", "/dev/net/tun"]),
    has: isInstalled,
    debian: Deno.build.arch === "x86_64" &&
      DEBIAN_12.test(await Deno.readTextFile(RELEASE).catch(() => "")),
  };
}
