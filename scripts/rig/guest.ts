/**
 * A virtual machine of the rig: scripts run in it as root, and this checkout is its `/project`. Its time runs as slowly
 * as the host emulates it.
 */

import { factor, SHELL_LOOP, SHELL_LOOP_USUAL_MS } from "../machine.ts";
import type { Outcome, Vm } from "./vm.ts";

export class Guest {
  readonly #vm: Vm;
  readonly #netns: string | undefined;
  #slowness = 1;

  /** @param netns network namespace in which scripts run; absent: the initial one */
  constructor(vm: Vm, netns?: string) {
    this.#vm = vm;
    this.#netns = netns;
  }

  /** Returns this guest with a network namespace in which scripts run. */
  inNamespace(netns: string): Guest {
    const guest = new Guest(this.#vm, netns);
    guest.#slowness = this.#slowness;
    return guest;
  }

  get name(): string {
    return this.#vm.name;
  }

  /** How much slower than usual it is, as {@linkcode measure} found. */
  get slowness(): number {
    return this.#slowness;
  }

  /** Measures how slow it is; limits of time are multiplied by that from then on. */
  async measure(): Promise<void> {
    const spent = Number(await this.must(SHELL_LOOP, 600));
    this.#slowness = factor(spent, SHELL_LOOP_USUAL_MS);
  }

  /** A limit of time for this machine. */
  patient(usual: number): number {
    return Math.ceil(usual * this.#slowness);
  }

  /**
   * Runs a bash script, whatever its exit code; 124 if it takes longer than `seconds` on a usual machine. `ipoib` and
   * `deno` are there.
   */
  run(script: string, seconds = 60): Promise<Outcome> {
    const command = this.#netns === undefined
      ? script
      : `ip netns exec ${this.#netns} bash -c ${quoted(script)}`;
    return this.#vm.run(command, this.patient(seconds));
  }

  /** Runs a script that must succeed; returns what it printed. */
  async must(script: string, seconds?: number): Promise<string> {
    const { code, output } = await this.run(script, seconds);
    if (code === 0) return output;
    throw new Error(`${this.name}: exit code ${code} of ${script}\n${output}`);
  }
}

/** Quotes text as one word of a shell command. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
