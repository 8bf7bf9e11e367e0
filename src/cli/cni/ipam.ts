/** Delegation of IP address management to another CNI plugin (CNI 1.0.0, section 4). */

import * as v from "valibot";
import { IpoibError } from "../../base/errors.ts";
import type { CliEnvironment } from "../environment.ts";
import type { CniCommand } from "./call.ts";
import type { NetworkConfig } from "./config.ts";
import { type IpamResult, IpamResultSchema } from "./result.ts";

/** The result without an IPAM plugin: an interface without addresses. */
const NONE: IpamResult = { ips: [], routes: [] };

export class Ipam {
  readonly #environment: CliEnvironment;
  readonly #directories: readonly string[];
  readonly #type: string | undefined;
  readonly #input: string;

  /** @param input the network configuration as received, which the plugin gets unchanged */
  constructor(
    environment: CliEnvironment,
    directories: readonly string[],
    { ipam }: NetworkConfig,
    input: string,
  ) {
    this.#environment = environment;
    this.#directories = directories;
    this.#type = ipam?.type;
    this.#input = input;
  }

  /** Obtains addresses and routes. Throws `E_CNI_IPAM`, `E_CNI_CONFIG`, `E_CNI_DECODE`. */
  async add(): Promise<IpamResult> {
    if (this.#type === undefined) return NONE;
    const text = await this.#run("ADD", this.#type);
    const parsed = v.safeParse(
      v.pipe(v.string(), v.parseJson(), IpamResultSchema),
      text,
    );
    if (parsed.success) return parsed.output;
    const [issue] = parsed.issues;
    throw new IpoibError(
      "E_CNI_DECODE",
      `Invalid result of IPAM plugin ${this.#type}: ${issue.message}`,
    );
  }

  /** Returns the addresses. Throws as {@linkcode Ipam.add}. */
  async del(): Promise<void> {
    if (this.#type !== undefined) await this.#run("DEL", this.#type);
  }

  /** Checks that the addresses are still assigned. Throws as {@linkcode Ipam.add}. */
  async check(): Promise<void> {
    if (this.#type !== undefined) await this.#run("CHECK", this.#type);
  }

  async #run(command: CniCommand, type: string): Promise<string> {
    if (!/^[\w.-]+$/.test(type) || type.startsWith(".")) {
      throw new IpoibError("E_CNI_CONFIG", `IPAM type "${type}" is not valid`);
    }
    for (const directory of this.#directories) {
      const outcome = await this.#environment.runPlugin(
        `${directory}/${type}`,
        command,
        this.#input,
      );
      if (outcome === undefined) continue;
      if (outcome.code === 0) return outcome.stdout;
      throw new IpoibError(
        "E_CNI_IPAM",
        `IPAM plugin ${type} failed: ${reasonOf(outcome.stdout)}`,
      );
    }
    throw new IpoibError(
      "E_CNI_CONFIG",
      `IPAM plugin ${type} does not exist`,
      { hint: `searched in CNI_PATH: ${this.#directories.join(", ")}` },
    );
  }
}

/** Returns the message of an error object. */
function reasonOf(stdout: string): string {
  try {
    const { msg, details } = JSON.parse(stdout);
    if (typeof msg === "string") return details ? `${msg}; ${details}` : msg;
  } catch {
    // Not an error object.
  }
  return stdout.trim().slice(0, 200) || "it printed no reason";
}
