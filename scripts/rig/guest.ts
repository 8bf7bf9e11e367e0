/** A virtual machine of the rig: scripts run in it as root, and this checkout is its `/project`. */

import { factor, SHELL_LOOP, SHELL_LOOP_USUAL_MS } from "../machine.ts";

/** How to call the rig. */
export interface RigCommand {
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
  /** What deno runs as the program. */
  readonly main: string;
}

/** What a script printed, and how it ended. */
export interface Outcome {
  readonly code: number;
  /** Standard output and error in one stream. */
  readonly output: string;
}

/** `ipoib` and `deno` in every script: the same Deno as here, which finds what it has cached in the host's folders. */
const prelude = (main: string) => `
export NO_COLOR=1${
  Deno.env.get("DENO_DIR") ? ` DENO_DIR='${Deno.env.get("DENO_DIR")}'` : ""
}
deno() { '${Deno.execPath()}' "$@"; }
ipoib() { deno run --quiet --no-config --allow-all ${main} "$@"; }
`;

export class Guest {
  readonly name: string;
  readonly #command: RigCommand;
  #slowness = 1;

  constructor(name: string, command: RigCommand) {
    this.name = name;
    this.#command = command;
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

  /** Runs a bash script, whatever its exit code; 124 if it takes longer than `seconds` on a usual machine. */
  async run(script: string, seconds = 60): Promise<Outcome> {
    const { program, env, main } = this.#command;
    const { code, stdout, stderr } = await new Deno.Command(program, {
      env,
      args: [
        "exec",
        this.name,
        String(this.patient(seconds)),
        prelude(main) + script,
      ],
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
  }

  /** Runs a script that must succeed; returns what it printed. */
  async must(script: string, seconds?: number): Promise<string> {
    const { code, output } = await this.run(script, seconds);
    if (code === 0) return output;
    throw new Error(`${this.name}: exit code ${code} of ${script}\n${output}`);
  }
}
