/**
 * A machine that runs scripts of the host: a virtual machine of the rig (vm.ts), or a container of a test. Files in a
 * control folder, which both share, pass the scripts to it (guest/serve).
 *
 * The machine stops when this process exits, and after {@linkcode LIFE_SECONDS} at the latest.
 */

import { patient } from "../machine.ts";
import { withParentDeath } from "../test/isolation.ts";

/** Longer than a full run on a slow machine. */
const LIFE_SECONDS = 14_400;
const BOOT_MS = 90_000;
/** Time for the machine to power off, and to react to each signal. */
const POWER_OFF_MS = 5000;
const POLL_MS = 100;
/** Time after the limit of a script in which the machine must report its end. */
const GRACE_MS = 20_000;
const CODE_TIMED_OUT = 124;
const CODE_STOPPED = 125;
const TAIL = 2000;
/** Output of the process, and the console of the machine if it is not that. */
const LOGS = ["process.log", "console"];

/** Output and exit code of a script. */
export interface Outcome {
  /** 124 if the script timed out, 125 if the machine has stopped. */
  readonly code: number;
  /** Standard output and standard error. */
  readonly output: string;
}

export interface MachineOptions {
  readonly name: string;
  /** Folder in which the machine's folder is created, in which the process runs. */
  readonly folder: string;
  /** Environment variables of the scripts. */
  readonly environment: Readonly<Record<string, string>>;
  /** Time for the machine to boot at normal machine speed. Default: {@linkcode BOOT_MS}. */
  readonly bootMs?: number;
}

/** Returns the control folder of a machine, which it sees as `/rig/control`. */
export function controlFolder(
  { name, folder }: Pick<MachineOptions, "name" | "folder">,
): string {
  return `${folder}/${name}/control`;
}

export class ScriptedMachine {
  readonly name: string;
  readonly #folder: string;
  readonly #control: string;
  readonly #bootMs: number;
  readonly #child: Deno.ChildProcess;
  #ended = false;
  #scripts = 0;

  private constructor(
    { name, bootMs = BOOT_MS, ...options }: MachineOptions,
    child: Deno.ChildProcess,
  ) {
    this.name = name;
    this.#folder = `${options.folder}/${name}`;
    this.#control = controlFolder({ name, ...options });
    this.#bootMs = bootMs;
    this.#child = child;
    child.status.then(() => void (this.#ended = true));
  }

  /** Starts the command, which is the machine. {@linkcode booted} waits until it accepts scripts. */
  static async start(
    command: readonly string[],
    options: MachineOptions,
  ): Promise<ScriptedMachine> {
    const { name, folder, environment } = options;
    const control = controlFolder(options);
    await Deno.mkdir(control, { recursive: true });
    const lines = Object.entries({ ...environment, MACHINE: name })
      .map(([variable, value]) => `${variable}=${value}\n`);
    await Deno.writeTextFile(`${control}/environment`, lines.join(""));
    const log = `${folder}/${name}/${LOGS[0]}`;
    const [program, ...args] = withParentDeath([
      ...["bash", "-c", 'exec "$@" > "$0" 2>&1', log],
      ...["timeout", String(LIFE_SECONDS)],
      ...withParentDeath(command),
    ]);
    const child = new Deno.Command(program!, {
      args,
      // The paths of QEMU's sockets are relative to this folder, because their length is limited.
      cwd: folder,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    return new ScriptedMachine(options, child);
  }

  /** Waits until the machine accepts scripts. Throws an Error with the last output if it does not. */
  booted(): Promise<void> {
    return this.makes(`${this.#control}/up`);
  }

  /** Waits until the machine creates the file. Throws an Error with the last output if it does not. */
  async makes(path: string): Promise<void> {
    const end = performance.now() + patient(this.#bootMs);
    while (!await exists(path)) {
      if (this.#ended || performance.now() > end) {
        throw new Error(
          `Machine ${this.name} did not create ${path}: ${await this
            .#lastOutput()}`,
        );
      }
      await pause(POLL_MS);
    }
  }

  /** Runs a bash script as root for at most `seconds`. */
  async run(script: string, seconds: number): Promise<Outcome> {
    const id = `${this.#scripts++}.${seconds}`;
    const path = `${this.#control}/${id}`;
    await Deno.writeTextFile(`${path}.new`, script);
    await Deno.rename(`${path}.new`, `${path}.cmd`);
    const end = performance.now() + seconds * 1000 + GRACE_MS;
    while (!await exists(`${path}.rc`)) {
      if (this.#ended) {
        return { code: CODE_STOPPED, output: await this.#lastOutput() };
      }
      if (performance.now() > end) {
        return { code: CODE_TIMED_OUT, output: "The machine does not answer" };
      }
      await pause(POLL_MS);
    }
    const code = Number(await Deno.readTextFile(`${path}.rc`));
    const output = await Deno.readTextFile(`${path}.out`);
    for (const suffix of ["run", "out", "rc"]) {
      await Deno.remove(`${path}.${suffix}`);
    }
    return { code, output };
  }

  /** Powers the machine off, and kills it if that fails. */
  async stop(): Promise<void> {
    await Deno.writeTextFile(`${this.#control}/poweroff`, "");
    await this.#awaitExit(POWER_OFF_MS);
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      if (this.#ended) break;
      this.#child.kill(signal);
      await this.#awaitExit(POWER_OFF_MS);
    }
  }

  /** Waits until the process exits or the time is over. */
  async #awaitExit(withinMs: number): Promise<void> {
    const end = performance.now() + withinMs;
    while (!this.#ended && performance.now() < end) {
      await pause(POLL_MS);
    }
  }

  /** Returns the ends of the process's output and of the console. */
  async #lastOutput(): Promise<string> {
    const texts: string[] = [];
    for (const name of LOGS) {
      const text = await Deno.readTextFile(`${this.#folder}/${name}`)
        .catch(() => "");
      texts.push(text.slice(-TAIL));
    }
    return texts.join("\n");
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
