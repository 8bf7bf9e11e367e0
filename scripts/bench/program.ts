/** The program under test: two real `ipoib up ib0` processes on one embedded subnet, on the poll path. */

import { Host } from "../host.ts";
import {
  configure,
  cpuSecondsOf,
  NamespacePair,
  type Subject,
} from "./subject.ts";

/** Starts the program in two new namespaces, with its runtime directory in `folder`. */
export async function startProgram(folder: string): Promise<Subject> {
  const pair = new NamespacePair();
  const addresses = ["10.98.2.1", "10.98.2.2"] as const;
  const hosts = pair.fds.map((namespace) =>
    Host.start({
      namespace,
      runtime: folder,
      arguments: ["--subnet-mtu", "2048", "--io", "poll"],
    })
  );
  const close = async () => {
    await Promise.all(hosts.map((host) => host.stop()));
    pair.close();
  };
  try {
    for (const host of hosts) await host.ready();
    await configure(pair.paths, addresses);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    name: "ipoib",
    namespaces: pair.paths,
    addresses,
    cpuSeconds: () =>
      hosts.reduce((sum, host) => sum + cpuSecondsOf(host.pid), 0),
    close,
  };
}
