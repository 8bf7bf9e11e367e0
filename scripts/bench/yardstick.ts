/** Yardsticks: a C program that splices TUNs (splice.c), and a minimal program of the same design (minimal/). */

import { CONNECTED_MTU } from "../../src/base/units.ts";
import { Helper } from "./inside.ts";
import {
  addressesOf,
  configure,
  cpuOfAll,
  endsOf,
  ipv6AddressesOf,
  MTU,
  Namespaces,
  setMtu,
  type Subject,
} from "./subject.ts";

/** Compiles the C programs of the benchmark into `folder`. Throws an Error if gcc fails. */
export async function compilePrograms(folder: string): Promise<void> {
  const sources = {
    splice: "splice.c",
    pps: "pps.c",
    launch: "minimal/launch.c",
  };
  for (const [name, file] of Object.entries(sources)) {
    const source = new URL(file, import.meta.url).pathname;
    const { success, stderr } = await new Deno.Command("gcc", {
      args: ["-O2", "-Wall", "-o", `${folder}/${name}`, source],
    }).output();
    if (!success) {
      throw new Error(
        `gcc cannot compile ${file}: ${new TextDecoder().decode(stderr)}`,
      );
    }
  }
}

/** Starts the C program between new namespaces. */
export function startSplice(folder: string, ends = 2): Promise<Subject> {
  return start("C splice", 1, ends, `${folder}/splice`, []);
}

/** Number of slots of each side of the minimal program. */
const MINIMAL_SLOTS = 32;

/** Starts the minimal program between two new namespaces. */
export function startMinimal(folder: string): Promise<Subject> {
  const program = new URL("minimal/program.ts", import.meta.url).pathname;
  const args = [Deno.execPath(), program, String(MINIMAL_SLOTS)];
  return start("minimal", 6, 2, `${folder}/launch`, args);
}

/**
 * Starts a program with the namespace and name of each TUN as arguments. Its ready line lists the PIDs of its processes
 * if child processes forward the packets.
 */
async function start(
  name: string,
  net: number,
  ends: number,
  program: string,
  args: readonly string[],
): Promise<Subject> {
  const namespaces = new Namespaces(ends);
  const { paths } = namespaces;
  const addresses = addressesOf(net, ends);
  const ipv6 = ipv6AddressesOf(net, ends);
  const devices = endsOf(ends, () => "ib0");
  const helper = await Helper.start(program, [
    ...args,
    ...paths.flatMap((path, end) => [path, devices[end]!]),
  ]);
  const close = async () => {
    await helper.end();
    namespaces.close();
  };
  try {
    await configure(paths, addresses, devices, ipv6);
  } catch (error) {
    await close();
    throw error;
  }
  const [, ...children] = helper.ready.split(" ").map(Number);
  const pids = children.length > 0 ? children : [helper.pid];
  return {
    name,
    devices,
    namespaces: paths,
    addresses,
    ipv6,
    setMode: (mode) =>
      setMtu(
        { namespaces: paths, devices },
        mode === "connected" ? CONNECTED_MTU : MTU,
      ),
    cpu: () => cpuOfAll(pids),
    close,
  };
}
