/**
 * keepalived of Debian moves an address between two hosts. It uses VRRP by multicast, with one advertisement per
 * second.
 *
 * keepalived logs that it sends gratuitous ARP but sends none, because the device has no link-layer address. ipoib
 * announces the new address instead.
 */

import { assert } from "@std/assert";
import {
  type Host,
  kernelNeighbours,
  labTest,
  linkAddress,
  ownNeighbours,
  Pings,
  type Program,
  until,
} from "./harness/mod.ts";

const SHARED = "10.9.0.201";
const BACKUP_PRIORITY = 90;
const ADVERTISEMENT_MS = 1000;
/** RFC 3768 section 6.1: time until takeover after the master has resigned, and after it has failed. */
const SKEW_MS = ADVERTISEMENT_MS * (256 - BACKUP_PRIORITY) / 256;
const MASTER_DOWN_MS = 3 * ADVERTISEMENT_MS + SKEW_MS;
/** Time limit for the first ping reply after takeover. */
const REPLY_MS = 1000;

async function keepalived(
  host: Host,
  state: "MASTER" | "BACKUP",
  priority: number,
): Promise<Program> {
  const file = `${host.lab.runtime}/${host.namespace}.keepalived`;
  await Deno.writeTextFile(
    file,
    `vrrp_instance one {
  state ${state}
  interface ib0
  virtual_router_id 7
  priority ${priority}
  virtual_ipaddress {
    ${SHARED}/24
  }
}
`,
  );
  const program = host.start(
    ...["keepalived", "--dont-fork", "--log-console", "--vrrp"],
    ...["--use-file", file, "--pid", `${file}.pid`],
    ...["--vrrp_pid", `${file}.vrrp.pid`],
  );
  await program.prints(new RegExp(`Entering ${state} STATE`));
  return program;
}

/** Waits until `host` answers the pings. */
async function answeredBy(
  from: Host,
  host: Host,
  pings: Pings,
  limit?: number,
): Promise<void> {
  await pings.next(limit);
  const address = await linkAddress(host);
  await until(
    `${host.namespace} has the address`,
    async () => (await ownNeighbours(from)).get(SHARED) === address,
  );
}

labTest(
  "keepalived moves an address when the master resigns and when it fails",
  async (lab) => {
    const [a, b, c] = await lab.running(3);
    const first = await keepalived(b, "MASTER", 100);
    await keepalived(c, "BACKUP", BACKUP_PRIORITY);
    await using pings = await Pings.start(a, SHARED, { interval: 0.05 });
    await answeredBy(a, b, pings);

    // The master resigns: an advertisement with priority 0.
    first.kill("SIGTERM");
    await first.exit();
    await answeredBy(a, c, pings, SKEW_MS + REPLY_MS);
    // The other host fails.
    await keepalived(b, "BACKUP", BACKUP_PRIORITY);
    c.daemon.kill("SIGKILL");
    await c.daemon.exit();
    await answeredBy(a, b, pings, MASTER_DOWN_MS + REPLY_MS);
    assert((await kernelNeighbours(a)).get(SHARED) !== "FAILED");
  },
);
