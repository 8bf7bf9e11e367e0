/** A virtual machine of the rig: scripts run in it as root, and this checkout is its `/project`. */

/** What a script printed, and how it ended. */
export interface Outcome {
  readonly code: number;
  /** Standard output and error in one stream. */
  readonly output: string;
}

/** `ipoib` and `deno` in every script: the same Deno as here, which finds what it has cached in the host's folders. */
const PRELUDE = `
export NO_COLOR=1${
  Deno.env.get("DENO_DIR") ? ` DENO_DIR='${Deno.env.get("DENO_DIR")}'` : ""
}
deno() { '${Deno.execPath()}' "$@"; }
ipoib() { deno run --quiet --no-check --cached-only --allow-all /project/main.ts "$@"; }
`;

export class Guest {
  readonly name: string;
  readonly #command: string;

  constructor(name: string, command: string) {
    this.name = name;
    this.#command = command;
  }

  /** Runs a bash script, whatever its exit code; 124 if it takes longer than `seconds`. */
  async run(script: string, seconds = 60): Promise<Outcome> {
    const { code, stdout, stderr } = await new Deno.Command(this.#command, {
      args: ["exec", this.name, String(seconds), PRELUDE + script],
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
