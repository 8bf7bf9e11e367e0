/**
 * Shows the main job in half a minute, as `deno task demo`: three hosts on one embedded subnet exchange pings and TCP.
 *
 * Needs Linux and /dev/net/tun, and no other program: namespaces, addresses, pings and streams are made here. A normal
 * user's demo runs itself again in a user namespace. It leaves nothing behind, however it is ended.
 */

import { IpoibError } from "../src/base/errors.ts";
import { workAndCleanUp } from "./cleanup.ts";
import { canUnshare, runUnshared, tunObstacle } from "./demo/privileges.ts";
import { show } from "./demo/show.ts";
import { DEMO_PERMISSIONS } from "./program.ts";

/** Exit code for what the kernel refuses, as the program has it. */
const REFUSED = 2;
/** Tells the demo that it runs in the user namespace that it made. */
const UNSHARED = "IPOIB_DEMO_UNSHARED";

function complain(sentence: string, code: number): number {
  Deno.stderr.writeSync(new TextEncoder().encode(`${sentence}\n`));
  return code;
}

async function main(): Promise<number> {
  const obstacle = tunObstacle();
  if (obstacle) return complain(obstacle, REFUSED);
  if (Deno.uid() !== 0 && !Deno.env.get(UNSHARED)) {
    if (!await canUnshare()) {
      return complain(
        "The demo needs root here, because this system lets a normal user make no network namespaces",
        REFUSED,
      );
    }
    const script = new URL(import.meta.url).pathname;
    return await runUnshared(
      [Deno.execPath(), "run", "--quiet", ...DEMO_PERMISSIONS, script],
      { [UNSHARED]: "1" },
    );
  }
  return await workAndCleanUp(
    show,
    (error) =>
      complain(`The demo failed: ${IpoibError.from(error).message}`, 1),
  );
}

Deno.exit(await main());
