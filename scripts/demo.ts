/**
 * Demonstrates the program in half a minute: `deno task demo`. Three hosts on an embedded subnet exchange pings and
 * TCP.
 *
 * Needs Linux and /dev/net/tun. For a user other than root it runs itself again in a user namespace with unshare(1).
 * It removes its namespaces, processes and files however it ends.
 */

import { IpoibError } from "../src/base/errors.ts";
import { workAndCleanUp } from "./cleanup.ts";
import { canUnshare, runUnshared, tunObstacle } from "./demo/privileges.ts";
import { show } from "./demo/show.ts";
import { DEMO_PERMISSIONS } from "./program.ts";

/** Exit code for operations that the kernel refuses, as in the program. */
const REFUSED = 2;
/** Environment variable of the demo that runs in the user namespace. */
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
        "The demo needs root, because this system does not allow other users to create network namespaces",
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
