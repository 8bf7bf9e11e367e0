/**
 * keepalived moves an address between two hosts, as it comes from Debian: VRRP by multicast, an advertisement a second.
 *
 * It says that it sends gratuitous ARP and sends none, because the device has no link-layer address; our own announcement of
 * the new address tells the neighbours.
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
/** RFC 3768 section 6.1: when the master says that it goes, and when it says nothing any more. */
const SKEW_MS = ADVERTISEMENT_MS * (256 - BACKUP_PRIORITY) / 256;
const MASTER_DOWN_MS = 3 * ADVERTISEMENT_MS + SKEW_MS;
/** The neighbours learn of it within this. */
const ANSWER_MS = 1000;

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
  await program.says(new RegExp(`Entering ${state} STATE`));
  return program;
}

/** Waits until the pings are answered again, by this host. */
async function taken(
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

labTest("keepalived moves an address between two hosts", async (lab) => {
  const [a, b, c] = await lab.running(3);
  const first = await keepalived(b, "MASTER", 100);
  await keepalived(c, "BACKUP", BACKUP_PRIORITY);
  await using pings = await Pings.start(a, SHARED, { interval: 0.05 });
  await taken(a, b, pings);

  // It gives the address up, and says so.
  first.kill("SIGTERM");
  await first.exit();
  await taken(a, c, pings, SKEW_MS + ANSWER_MS);
  // The other host is gone without a word.
  await keepalived(b, "BACKUP", BACKUP_PRIORITY);
  c.daemon.kill("SIGKILL");
  await c.daemon.exit();
  await taken(a, b, pings, MASTER_DOWN_MS + ANSWER_MS);
  assert((await kernelNeighbours(a)).get(SHARED) !== "FAILED");
});
