/** Tunnels of other programs, for comparison: two namespaces with UDP between them. */

import { pause, runInside } from "./inside.ts";
import { reach } from "./ping.ts";
import {
  addressesOf,
  configure,
  cpuOfAll,
  type Ends,
  Namespaces,
  type Subject,
} from "./subject.ts";
import { createUnderlay } from "./underlay.ts";

const DEVICE_LIMIT_MS = 5000;
const END_LIMIT_MS = 2000;

/** One end of a tunnel. */
export interface TunnelEnd {
  readonly device: string;
  /** Addresses on the underlay. */
  readonly local: string;
  readonly remote: string;
  /** Addresses within the tunnel. */
  readonly address: string;
  readonly peer: string;
}

/** A tunnel program. */
export interface TunnelProgram {
  readonly program: string;
  /** Third byte of the addresses. */
  readonly net: number;
  /** Name of the interface at each end. The names differ if the program derives file names from them. */
  readonly devices: Ends<string>;
  /** Returns the arguments that run the program in the foreground. */
  arguments(end: TunnelEnd): readonly string[];
  /** Completes the configuration when the interfaces exist. */
  connect?(ends: readonly [TunnelEnd, TunnelEnd]): Promise<void>;
}

/** Starts a tunnel and waits until it carries packets. Throws an Error if it does not. */
export async function startTunnel(tunnel: TunnelProgram): Promise<Subject> {
  const { program, net, devices } = tunnel;
  const namespaces = new Namespaces(2);
  const { paths } = namespaces;
  const addresses = addressesOf(net, 2);
  const children: Deno.ChildProcess[] = [];
  const close = async () => {
    await Promise.all(children.map(end));
    namespaces.close();
  };
  try {
    const under = await createUnderlay(paths, net);
    const ends = ([0, 1] as const).map((i): TunnelEnd => ({
      device: devices[i],
      local: under[i],
      remote: under[1 - i]!,
      address: addresses[i],
      peer: addresses[1 - i]!,
    }));
    for (const [i, each] of ends.entries()) {
      children.push(start(paths[i]!, program, tunnel.arguments(each)));
    }
    for (const [i, path] of paths.entries()) await exists(path, devices[i]!);
    await configure(paths, addresses, devices);
    await tunnel.connect?.([ends[0]!, ends[1]!]);
    const pids = children.map(({ pid }) => pid);
    const subject: Subject = {
      name: program,
      devices,
      namespaces: paths,
      addresses,
      cpu: () => cpuOfAll(pids),
      close,
    };
    await reach(subject, 1);
    return subject;
  } catch (error) {
    await close();
    throw error;
  }
}

function start(
  namespace: string,
  program: string,
  args: readonly string[],
): Deno.ChildProcess {
  return new Deno.Command("nsenter", {
    args: [`--net=${namespace}`, program, ...args],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

async function exists(namespace: string, device: string): Promise<void> {
  const limit = performance.now() + DEVICE_LIMIT_MS;
  for (;;) {
    try {
      await runInside(namespace, "ip", "link", "show", "dev", device);
      return;
    } catch (error) {
      if (performance.now() > limit) throw error;
      await pause(50);
    }
  }
}

async function end(child: Deno.ChildProcess): Promise<void> {
  const signal = (name: Deno.Signal) => {
    try {
      child.kill(name);
    } catch {
      // It has already exited.
    }
  };
  signal("SIGTERM");
  const late = setTimeout(() => signal("SIGKILL"), END_LIMIT_MS);
  await child.status;
  clearTimeout(late);
}
