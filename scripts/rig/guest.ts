/**
 * Runs scripts as root in a machine. In the virtual machines of the rig this checkout is `/project`. Time limits are
 * scaled by the measured slowness of the machine.
 */

import { factor, SHELL_LOOP, SHELL_LOOP_USUAL_MS } from "../machine.ts";
import type { Outcome, ScriptedMachine } from "./scripted_machine.ts";

/** First and longest interval between checks of a condition, in milliseconds at normal machine speed. */
const FIRST_INTERVAL_MS = 100;
const MAX_INTERVAL_MS = 500;

export class Guest {
  readonly #machine: ScriptedMachine;
  readonly #netns: string | undefined;
  #slowness = 1;

  /** @param netns network namespace in which scripts run; absent: the initial one */
  constructor(machine: ScriptedMachine, netns?: string) {
    this.#machine = machine;
    this.#netns = netns;
  }

  /** Returns this guest with a network namespace in which scripts run. */
  inNamespace(netns: string): Guest {
    const guest = new Guest(this.#machine, netns);
    guest.#slowness = this.#slowness;
    return guest;
  }

  get name(): string {
    return this.#machine.name;
  }

  /** Factor by which the machine is slower than normal; 1 before {@linkcode measure}. */
  get slowness(): number {
    return this.#slowness;
  }

  /**
   * Measures the slowness of the machine, by which all later time limits are multiplied.
   *
   * @param usualMs time of the loop on a machine of normal speed; default: an emulated one
   */
  async measure(usualMs: number = SHELL_LOOP_USUAL_MS.guest): Promise<void> {
    const spent = Number(await this.must(SHELL_LOOP, 600));
    this.#slowness = factor(spent, usualMs);
  }

  /** Returns a time limit for this machine: `usual` times its slowness, rounded up. */
  patient(usual: number): number {
    return Math.ceil(usual * this.#slowness);
  }

  /**
   * Runs a bash script, which in the virtual machines of the rig may use the commands `ipoib` and `deno`. Returns its
   * exit code and output; the exit code is 124 if the script takes longer than `seconds` at normal machine speed.
   */
  run(script: string, seconds = 60): Promise<Outcome> {
    const command = this.#netns === undefined
      ? script
      : `ip netns exec ${this.#netns} bash -c ${quoted(script)}`;
    return this.#machine.run(command, this.patient(seconds));
  }

  /** Runs a script and returns its output. Throws if the exit code is not 0. */
  async must(script: string, seconds?: number): Promise<string> {
    const { code, output } = await this.run(script, seconds);
    if (code === 0) return output;
    throw new Error(`${this.name}: exit code ${code} of ${script}\n${output}`);
  }

  /** Returns the contents of a file. Throws if it cannot be read. */
  async read(path: string): Promise<Uint8Array> {
    return Uint8Array.fromBase64(await this.must(`base64 -w0 ${path}`));
  }

  /**
   * Waits until a shell condition holds, for `seconds` at normal machine speed. If it does not, throws with the output of
   * `diagnosis`. The interval between checks grows with the wait, because on a slow machine they would take most of the
   * time from what they wait for.
   */
  async waitFor(
    condition: string,
    seconds: number,
    diagnosis: string,
  ): Promise<void> {
    await this.must(
      `end=$((SECONDS + ${this.patient(seconds)})) ms=${
        this.patient(FIRST_INTERVAL_MS)
      } max=${this.patient(MAX_INTERVAL_MS)}
       while [ $SECONDS -lt $end ]; do
         { ${condition}; } && exit 0
         sleep \${ms}e-3; ms=$((ms * 5 / 4 < max ? ms * 5 / 4 : max))
       done
       ${diagnosis}; exit 1`,
      seconds + 60,
    );
  }
}

/** Quotes text as one word of a shell command. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
