/**
 * What a command may touch of the world: where its text goes, which namespace it is in, how the long-running
 * commands are started. Tests give one of their own, so no test writes to a terminal or exits.
 */

import type { NamespaceIdentity } from "../ipc/locate.ts";
import type { SubnetRunOptions, UpOptions } from "../ipc/up_options.ts";

export interface CliEnvironment {
  /** Standard output. */
  out(text: string): void;
  /** Standard error. */
  err(text: string): void;
  /** True if text may have colours. */
  readonly color: boolean;
  /** The runtime folder. */
  readonly runtime: string;
  /** The namespace that a NAME, PID or PATH names, or the own one; throws `E_NETNS`. */
  namespace(spec?: string): Promise<NamespaceIdentity>;
  /** Ends the process of that PID, which must have interfaces; see end_process.ts. */
  endProcess(pid: number, timeoutMs: number): Promise<void>;
  /** Runs an interface until it ends: the exit code. */
  up(options: UpOptions): Promise<number>;
  /** Hosts a subnet's manager until it ends: the exit code. */
  runSubnet(options: SubnetRunOptions): Promise<number>;
}
