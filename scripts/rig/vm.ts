/**
 * A virtual machine: QEMU, which emulates the processor, with the host's files as its root. Scripts are handed over by files in
 * a control folder that both sides see (guest/boot).
 *
 * However this process ends, the machine ends with it, and after {@linkcode LIFE_SECONDS} in any case.
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
/** What the machine itself is given to end. */
const POWER_OFF_MS = 5000;
const LOOK_EVERY_MS = 100;
/** How long the end of a script is waited for after its time. */
const GRACE_MS = 20_000;
const CODE_TIME_OVER = 124;
const CODE_GONE = 125;
const TAIL = 2000;

/** What a script printed, and how it ended. */
export interface Outcome {
  /** 124 if its time was over, 125 if the machine is gone. */
  readonly code: number;
  /** Standard output and error in one stream. */
  readonly output: string;
}

export interface VmOptions {
  readonly name: string;
  readonly images: Images;
  /** Its folder is made in there, and the sockets of {@linkcode network}. */
  readonly folder: string;
  /** QEMU's options for network devices. */
  readonly network: readonly string[];
  readonly processors: number;
  /** The checkout, `/project` in the machine. */
  readonly project: string;
  /** The environment of its scripts. */
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

  /** Starts it; {@linkcode booted} waits until it takes scripts. */
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
      // Paths of sockets are limited, so they are named from there.
      cwd: options.folder,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    return new Vm(name, folder, child);
  }

  /** Waits until it takes scripts; throws what it printed if it does not. */
  booted(): Promise<void> {
    return this.makes(`${this.#folder}/control/up`);
  }

  /** Waits until it has made the file; throws what it printed if it does not. */
  async makes(path: string): Promise<void> {
    const end = performance.now() + patient(BOOT_MS);
    while (!await exists(path)) {
      if (this.#ended || performance.now() > end) {
        throw new Error(
          `Machine ${this.name} did not make ${path}: ${await this
            .#lastOutput()}`,
        );
      }
      await pause(LOOK_EVERY_MS);
    }
  }

  /** Runs a bash script as root in `/project`, for so long at most. */
  async run(script: string, seconds: number): Promise<Outcome> {
    const id = `${this.#scripts++}.${seconds}`;
    const path = `${this.#folder}/control/${id}`;
    await Deno.writeTextFile(`${path}.new`, script);
    await Deno.rename(`${path}.new`, `${path}.cmd`);
    const end = performance.now() + seconds * 1000 + GRACE_MS;
    while (!await exists(`${path}.rc`)) {
      if (this.#ended) {
        return { code: CODE_GONE, output: await this.#lastOutput() };
      }
      if (performance.now() > end) {
        return { code: CODE_TIME_OVER, output: "The machine does not answer" };
      }
      await pause(LOOK_EVERY_MS);
    }
    const code = Number(await Deno.readTextFile(`${path}.rc`));
    const output = await Deno.readTextFile(`${path}.out`);
    for (const suffix of ["run", "out", "rc"]) {
      await Deno.remove(`${path}.${suffix}`);
    }
    return { code, output };
  }

  /** Ends it. */
  async stop(): Promise<void> {
    await Deno.writeTextFile(`${this.#folder}/control/poweroff`, "");
    await this.#end(POWER_OFF_MS);
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      if (this.#ended) break;
      this.#child.kill(signal);
      await this.#end(POWER_OFF_MS);
    }
  }

  async #end(withinMs: number): Promise<void> {
    const end = performance.now() + withinMs;
    while (!this.#ended && performance.now() < end) {
      await pause(LOOK_EVERY_MS);
    }
  }

  /** The ends of QEMU's output and of the console. */
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

/** The command line. */
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
