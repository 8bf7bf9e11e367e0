/**
 * Interface between the commands and the system: output streams, network namespaces, and the long-running commands.
 * Tests substitute their own implementation, so that no test writes to a terminal or creates an interface.
 */

import type { UpgradeRecord } from "../ipc/schema.ts";
import type { HostFacts } from "../doctor/facts.ts";
import type { CaptureOptions, CaptureSource } from "../ipc/capture_options.ts";
import type { CniVariable } from "../base/variables.ts";
import type { NamespaceIdentity } from "../ipc/locate.ts";
import type { SubnetRunOptions, UpOptions } from "../ipc/up_options.ts";
import type { HcaPort } from "./hcas.ts";

/** A terminal in raw mode, which the user sees as one screen. */
export interface Terminal {
  readonly size: { readonly columns: number; readonly rows: number };
  write(text: string): void;
  /** Returns the next characters that were typed; undefined at the end of input. */
  read(): Promise<string | undefined>;
  /** Sets the listener of changes that require a new screen: another size, or a continuation after a stop. */
  onChange(listener: () => void): void;
  /** Stops the process as Ctrl-Z does. */
  suspend(): void;
  /** Restores the mode, the cursor and the former screen. */
  close(): void;
}

export interface CliEnvironment {
  /** Standard output. */
  out(text: string): void;
  /** True once a write to standard output has failed because its reader has ended. */
  readonly outEnded: boolean;
  /** Standard error. */
  err(text: string): void;
  /** Returns all of standard input. Throws `E_CNI_IO` if it exceeds 1 MiB. */
  input(): Promise<string>;
  /** Returns the value of a variable of CNI, or undefined if it is unset or empty. */
  cniVariable(name: CniVariable): string | undefined;
  /**
   * Runs the CNI plugin at `path` with the variables of this process, `command` as CNI_COMMAND, and `input` on its
   * standard input. Returns undefined if the file does not exist. Throws `E_CNI_IO`.
   */
  runPlugin(
    path: string,
    command: string,
    input: string,
  ): Promise<{ code: number; stdout: string } | undefined>;
  /** True if text on standard output uses colors. */
  readonly color: boolean;
  /** Returns the terminal in raw mode; undefined if standard input or output is not a terminal. */
  openTerminal(): Promise<Terminal | undefined>;
  /** Time since boot in milliseconds, with a resolution of one second. */
  readonly uptimeMs: number;
  /** Path of the runtime directory. */
  readonly runtime: string;
  /** Path of the directory of configuration files. */
  readonly configDirectory: string;
  /** Returns the namespace given by NAME, PID or PATH, by default that of this process. Throws `E_NETNS`. */
  namespace(spec?: string): Promise<NamespaceIdentity>;
  /** A process that does not reply for this long is listed as not answering. */
  readonly replyLimitMs: number;
  /** Time for a process to end, or to delete an interface, in milliseconds. */
  readonly endLimitMs: number;
  /** Returns the names of network namespaces by inode, as `ip netns` gives them. */
  namespaceNames(): Promise<ReadonlyMap<bigint, string>>;
  /** Collects the facts about the host for `doctor`. */
  hostFacts(): Promise<HostFacts>;
  /** Returns the ports of the HCAs of this host. */
  hcaPorts(): Promise<readonly HcaPort[]>;
  /** Returns the P_Keys in the table of a port; empty if there is no such port. */
  hcaPkeys(port: HcaPort): Promise<readonly number[]>;
  /** Stops the process with this PID, as `endProcess` of end_process.ts does. */
  endProcess(pid: number, timeoutMs: number): Promise<void>;
  /**
   * If a network device of this program has the name, which may have no process, returns the name with which `ipoib up`
   * takes it over: that of the parent for a child. Otherwise undefined.
   */
  ownerOfLeft(
    netns: string | undefined,
    name: string,
  ): Promise<string | undefined>;
  /** Returns the interfaces whose devices killed processes have left in a namespace. */
  leftInterfaces(netns: string | undefined): Promise<readonly string[]>;
  /**
   * Deletes the device that a killed process has left, with its children. The next process does not create it again.
   * Returns false if there is none.
   */
  deleteLeft(netns: string | undefined, name: string): Promise<boolean>;
  /** Settles when a signal asks the process to end: SIGINT, SIGTERM or SIGHUP. */
  endingSignal(): Promise<void>;
  /** Runs interfaces until they end, or starts them in the background. Returns the exit code. */
  up(options: UpOptions): Promise<number>;
  /**
   * Runs a capture until a signal, the requested number of packets, the end of the interface or of the reader, and
   * returns the exit code. Throws the errors of capture/capture.ts.
   */
  capture(options: CaptureOptions, source: CaptureSource): Promise<number>;
  /** Starts the process that takes over from a running one. Returns the exit code. */
  startUpgrade(record: UpgradeRecord): Promise<number>;
  /** Runs a subnet manager until it ends. Returns the exit code. */
  runSubnet(options: SubnetRunOptions): Promise<number>;
}
