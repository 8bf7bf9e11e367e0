/**
 * A virtual machine: QEMU emulates the processor, and the host's files are the root file system. Files in a shared
 * control folder pass scripts to the machine (guest/boot).
 *
 * The machine stops when this process exits, and after {@linkcode LIFE_SECONDS} at the latest.
 */

import { patient } from "../machine.ts";
import { withParentDeath } from "../test/isolation.ts";
import type { Images } from "./images.ts";

/** Longer than a full run on a slow machine. */
const LIFE_SECONDS = 14_400;
/**
 * The kernel's command line. Without `no_timer_check` a kernel panics at boot when its processor is stopped while it
 * counts the timer's interrupts, which happens on a busy host.
 */
const COMMAND_LINE =
  "console=ttyS0 panic=-1 quiet net.ifnames=0 no_timer_check";
const MEMORY_MIB = 2048;
const BOOT_MS = 90_000;
/** Time for the machine to power off, and to react to each signal. */
const POWER_OFF_MS = 5000;
const POLL_MS = 100;
/** Time after the limit of a script in which the machine must report its end. */
const GRACE_MS = 20_000;
const CODE_TIMED_OUT = 124;
const CODE_STOPPED = 125;
const TAIL = 2000;

/** Output and exit code of a script. */
export interface Outcome {
  /** 124 if the script timed out, 125 if the machine has stopped. */
  readonly code: number;
  /** Standard output and standard error. */
  readonly output: string;
}

export interface VmOptions {
  readonly name: string;
  readonly images: Images;
  /** Folder in which the machine's folder and the sockets of {@linkcode network} are created. */
  readonly folder: string;
  /** QEMU options of the network devices. */
  readonly network: readonly string[];
  readonly processors: number;
  /** Checkout that the machine mounts at `/project`. */
  readonly project: string;
  /** Environment variables of the scripts. */
  readonly environment: Readonly<Record<string, string>>;
}

export class Vm {
  readonly name: string;
  readonly #folder: string;
  readonly #child: Deno.ChildProcess;
  #ended = false;
  #scripts = 0;

  private constructor(name: string, folder: string, child: Deno.ChildProcess) {
    this.name = name;
    this.#folder = folder;
    this.#child = child;
    child.status.then(() => void (this.#ended = true));
  }

  /** Starts the machine. {@linkcode booted} waits until it accepts scripts. */
  static async start(options: VmOptions): Promise<Vm> {
    const { name, environment } = options;
    const folder = `${options.folder}/${name}`;
    await Deno.mkdir(`${folder}/control`, { recursive: true });
    const lines = Object.entries({ ...environment, MACHINE: name })
      .map(([variable, value]) => `${variable}=${value}\n`);
    await Deno.writeTextFile(`${folder}/control/environment`, lines.join(""));
    const [program, ...args] = withParentDeath([
      ...["bash", "-c", 'exec "$@" > "$0" 2>&1', `${folder}/qemu.log`],
      ...["timeout", String(LIFE_SECONDS)],
      ...withParentDeath(qemu(options, folder)),
    ]);
    const child = new Deno.Command(program!, {
      args,
      // Socket paths are relative to this folder, because their length is limited.
      cwd: options.folder,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    return new Vm(name, folder, child);
  }

  /** Waits until the machine accepts scripts. Throws an Error with the last output if it does not. */
  booted(): Promise<void> {
    return this.makes(`${this.#folder}/control/up`);
  }

  /** Waits until QEMU or the guest creates the file. Throws an Error with the last output if they do not. */
  async makes(path: string): Promise<void> {
    const end = performance.now() + patient(BOOT_MS);
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

  /** Runs a bash script as root in `/project` for at most `seconds`. */
  async run(script: string, seconds: number): Promise<Outcome> {
    const id = `${this.#scripts++}.${seconds}`;
    const path = `${this.#folder}/control/${id}`;
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
    await Deno.writeTextFile(`${this.#folder}/control/poweroff`, "");
    await this.#awaitExit(POWER_OFF_MS);
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      if (this.#ended) break;
      this.#child.kill(signal);
      await this.#awaitExit(POWER_OFF_MS);
    }
  }

  /** Waits until QEMU exits or the time is over. */
  async #awaitExit(withinMs: number): Promise<void> {
    const end = performance.now() + withinMs;
    while (!this.#ended && performance.now() < end) {
      await pause(POLL_MS);
    }
  }

  /** Returns the ends of QEMU's output and of the console. */
  async #lastOutput(): Promise<string> {
    const texts: string[] = [];
    for (const name of ["qemu.log", "console"]) {
      const text = await Deno.readTextFile(`${this.#folder}/${name}`)
        .catch(() => "");
      texts.push(text.slice(-TAIL));
    }
    return texts.join("\n");
  }
}

/** Returns QEMU's command line. */
function qemu(
  { name, images, network, processors, project }: VmOptions,
  folder: string,
): string[] {
  const { kernel, initramfs, driver } = images;
  const shares = {
    host: "/",
    modules: kernel.modules,
    driver,
    project,
    guest: new URL("guest", import.meta.url).pathname,
  };
  const share = (tag: string, path: string, options: string) => [
    "-virtfs",
    `local,path=${
      path.replaceAll(",", ",,")
    },mount_tag=${tag},security_model=none,multidevs=remap${options}`,
  ];
  return [
    ...["qemu-system-x86_64", "-name", `ipoib-rig-${name}`],
    ...["-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max"],
    ...["-m", String(MEMORY_MIB), "-smp", String(processors)],
    ...["-display", "none", "-monitor", "none", "-no-reboot"],
    ...["-serial", `file:${name}/console`],
    ...["-kernel", kernel.image, "-initrd", initramfs],
    ...["-append", COMMAND_LINE],
    ...["-device", "virtio-rng-pci"],
    ...network,
    ...Object.entries(shares).flatMap(([tag, path]) =>
      share(tag, path, ",readonly=on")
    ),
    ...share("control", `${folder}/control`, ""),
  ];
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
