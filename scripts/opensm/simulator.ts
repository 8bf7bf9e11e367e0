/**
 * Runs ibsim, OpenSM, and clients on the ports of the simulated fabric.
 *
 * They communicate over abstract Unix sockets with fixed names, so a lock admits one simulator at a time on a machine.
 */

import { Method } from "../../src/wire/mad.ts";
import { SaAttribute, SaMad } from "../../src/wire/sa/sa_mad.ts";
import { lidFile, nodeLid, nodeName, topology } from "./fabric.ts";
import { endChild } from "../cleanup.ts";
import { patient } from "../machine.ts";
import { TextLineStream } from "./lines.ts";

const PRELOAD = [
  "/usr/lib/x86_64-linux-gnu/umad2sim/libumad2sim.so",
  "/usr/lib/aarch64-linux-gnu/umad2sim/libumad2sim.so",
  "/usr/lib/umad2sim/libumad2sim.so",
];
const START_TIMEOUT_MS = 30_000;
const PROBE_MS = 200;

/** Debian packages of the programs, by program. */
const PACKAGES = {
  ibsim: "ibsim-utils",
  opensm: "opensm",
  saquery: "infiniband-diags",
} as const;

/**
 * Makes malloc(3) return zeros. libumad2sim passes OpenSM memory whose P_Key index it never writes, and OpenSM cancels
 * a subscription only for the address that subscribed, P_Key index included. Without this setting OpenSM refuses some
 * cancellations with status 0x0200.
 */
const ZEROED_MALLOC = "glibc.malloc.tcache_count=0:glibc.malloc.perturb=255";

/** Returns the missing Debian packages of the simulator and of the given other programs. */
export async function missingPrograms(
  ...others: (keyof typeof PACKAGES)[]
): Promise<string[]> {
  const missing: string[] = [];
  for (const name of ["ibsim", "opensm", ...others] as const) {
    if (await programPath(name) === undefined) missing.push(PACKAGES[name]);
  }
  if (preload() === undefined) missing.push("libumad2sim0");
  return missing;
}

/** Options of an OpenSM run. */
export interface ManagerOptions {
  /** Contents of partitions.conf. By default OpenSM runs without the file. */
  partitions?: string;
  /** Node on which OpenSM runs. Default: 0, the switch. */
  node?: number;
  /** LMC of the ports. Default: 0. */
  lmc?: number;
  /** Additional lines of the options file. */
  options?: string;
}

/** An OpenSM. */
interface RunningManager {
  readonly child: Deno.ChildProcess;
  /** Its folder, with the options file. */
  readonly folder: string;
}

/** A simulated fabric on which OpenSM can run. */
export class Simulator {
  /** Working directory of programs on the fabric; libumad2sim creates folders in it. */
  readonly folder: string;
  readonly #simulator: Deno.ChildProcess;
  readonly #lock: Deno.FsFile;
  /** The running OpenSMs by node. */
  readonly #managers = new Map<number, RunningManager>();
  readonly #clients = new Map<number, Client>();
  #runs = 0;

  private constructor(
    folder: string,
    simulator: Deno.ChildProcess,
    lock: Deno.FsFile,
  ) {
    this.#lock = lock;
    this.folder = folder;
    this.#simulator = simulator;
  }

  /** Waits until no other simulator runs, then starts the fabric without a subnet manager. */
  static async start(): Promise<Simulator> {
    const lock = await lockSimulator();
    const folder = await Deno.makeTempDir({ prefix: "opensm-" });
    await Deno.writeTextFile(`${folder}/net`, topology());
    const child = new Deno.Command("ibsim", {
      args: ["-s", "-n", "net"],
      cwd: folder,
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    try {
      await waitUntilReady(child);
    } catch (error) {
      lock.close();
      throw error;
    }
    return new Simulator(folder, child, lock);
  }

  /** Starts OpenSM and waits until it answers. Throws an Error if it does not answer in time. */
  async startManager(options: ManagerOptions = {}): Promise<void> {
    await this.runManager(options);
    const { node = 0 } = options;
    // The administrator does not answer before the end of the first sweep.
    const deadline = Date.now() + patient(START_TIMEOUT_MS);
    while (
      await this.client(1).exchange(nodeLid(node), probe(), PROBE_MS) ===
        undefined
    ) {
      if (Date.now() > deadline) {
        throw new Error("OpenSM did not answer in time");
      }
    }
  }

  /** Starts OpenSM, which may find that another one is the master. Returns before it has. */
  async runManager(
    { partitions, node = 0, lmc = 0, options = "" }: ManagerOptions = {},
  ): Promise<void> {
    const folder = `${this.folder}/run${++this.#runs}`;
    await Deno.mkdir(`${folder}/cache`, { recursive: true });
    await Deno.writeTextFile(`${folder}/cache/guid2lid`, lidFile(lmc));
    await writeOptions(folder, { lmc, options });
    if (partitions !== undefined) {
      await Deno.writeTextFile(`${folder}/partitions.conf`, partitions);
    }
    const child = new Deno.Command("opensm", {
      args: [
        ...["-F", `${folder}/options`, "-P", `${folder}/partitions.conf`],
        ...["-f", `${folder}/log`, "-D", "0x43", "-e"],
      ],
      cwd: folder,
      env: {
        ...simulated(node),
        GLIBC_TUNABLES: ZEROED_MALLOC,
        OSM_CACHE_DIR: `${folder}/cache`,
        OSM_TMP_DIR: folder,
      },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    this.#managers.set(node, { child, folder });
  }

  /** Sends a signal to the OpenSM of a node. Throws an Error if there is none. */
  signalManager(node: number, signal: Deno.Signal): void {
    this.#manager(node).child.kill(signal);
  }

  /** Changes the options of the OpenSM of a node. It sweeps the fabric, and follows the options that it can follow. */
  async changeOptions(
    node: number,
    options: Pick<ManagerOptions, "lmc" | "options">,
  ): Promise<void> {
    await writeOptions(this.#manager(node).folder, options);
    this.signalManager(node, "SIGHUP");
  }

  /** True if OpenSM rejected its partitions.conf and fell back to its defaults. */
  async partitionsRejected(): Promise<boolean> {
    const log = `${this.folder}/run${this.#runs}/log`;
    return (await Deno.readTextFile(log)).includes("retrying with default");
  }

  /** Returns the log of the OpenSM of a node. */
  managerLog(node: number): Promise<string> {
    return Deno.readTextFile(`${this.#manager(node).folder}/log`);
  }

  /** Stops the clients and every OpenSM. */
  async stopManager(): Promise<void> {
    for (const client of this.#clients.values()) await client.close();
    this.#clients.clear();
    for (const node of [...this.#managers.keys()]) {
      await this.#endManager(node, "SIGTERM");
    }
  }

  /** Kills the OpenSM of a node with SIGKILL. */
  killManager(node = 0): Promise<void> {
    return this.#endManager(node, "SIGKILL");
  }

  /** Returns the environment variables of a program on the n-th node. */
  environment(node: number): Record<string, string> {
    return simulated(node);
  }

  /** Returns the client on the n-th node and starts it if needed. Node 0 is the switch. */
  client(n: number): Client {
    let client = this.#clients.get(n);
    if (client === undefined) {
      client = new Client(n, this.folder);
      this.#clients.set(n, client);
    }
    return client;
  }

  async stop(): Promise<void> {
    await this.stopManager();
    await endChild(this.#simulator, "SIGTERM");
    await Deno.remove(this.folder, { recursive: true });
    this.#lock.close();
  }

  async #endManager(node: number, signal: Deno.Signal): Promise<void> {
    const manager = this.#managers.get(node);
    this.#managers.delete(node);
    if (manager) await endChild(manager.child, signal);
  }

  #manager(node: number): RunningManager {
    const manager = this.#managers.get(node);
    if (!manager) throw new Error(`No OpenSM runs on ${nodeName(node)}`);
    return manager;
  }
}

/** A process on a port of the fabric (client.ts). */
class Client {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #reader: ReadableStreamDefaultReader<string>;

  constructor(node: number, folder: string) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--quiet", "--allow-ffi"],
        new URL("client.ts", import.meta.url).pathname,
      ],
      cwd: folder,
      env: simulated(node),
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#reader = this.#child.stdout.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream()).getReader();
  }

  /** Sends a MAD. Returns the first 256 bytes of the answer, or undefined if no answer arrives within `waitMs`. */
  async exchange(
    lid: number,
    mad: Uint8Array,
    waitMs: number,
  ): Promise<Uint8Array | undefined> {
    const line = JSON.stringify({ lid, mad: mad.toHex(), wait: waitMs });
    await this.#writer.write(new TextEncoder().encode(`${line}\n`));
    const { value } = await this.#reader.read();
    if (value === undefined) {
      throw new Error("The client exited before it answered");
    }
    const answer = JSON.parse(value).mad;
    return answer === null ? undefined : Uint8Array.fromHex(answer);
  }

  async close(): Promise<void> {
    await this.#writer.close();
    await this.#reader.cancel();
    await this.#child.status;
  }
}

function writeOptions(
  folder: string,
  { lmc = 0, options = "" }: Pick<ManagerOptions, "lmc" | "options">,
): Promise<void> {
  const text = `honor_guid2lid_file TRUE\nlmc ${lmc}\n${options}`;
  return Deno.writeTextFile(`${folder}/options`, text);
}

/** Returns the name and version that OpenSM prints. */
export async function managerVersion(): Promise<string> {
  const { stdout } = await new Deno.Command("opensm", { args: ["--version"] })
    .output();
  return /OpenSM \S+/.exec(new TextDecoder().decode(stdout))?.[0] ?? "OpenSM";
}

function simulated(node: number): Record<string, string> {
  return { LD_PRELOAD: preload()!, SIM_HOST: nodeName(node) };
}

function preload(): string | undefined {
  return PRELOAD.find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}

/** Waits for an exclusive lock on the ibsim program file, which every simulator of the machine holds while it runs. */
async function lockSimulator(): Promise<Deno.FsFile> {
  const file = await Deno.open((await programPath("ibsim"))!);
  await file.lock(true);
  return file;
}

async function programPath(name: string): Promise<string | undefined> {
  for (const folder of ["/usr/bin", "/usr/sbin", "/usr/local/bin"]) {
    const path = `${folder}/${name}`;
    const found = await Deno.stat(path).then((s) => s.isFile, () => false);
    if (found) return path;
  }
  return undefined;
}

/** Waits until ibsim prints that it is ready. Throws an Error if it exits before. */
async function waitUntilReady(child: Deno.ChildProcess): Promise<void> {
  const [mine, rest] = child.stdout.tee();
  rest.pipeTo(new WritableStream()).catch(() => {});
  let text = "";
  const deadline = setTimeout(
    () => child.kill("SIGKILL"),
    patient(START_TIMEOUT_MS),
  );
  for await (const part of mine.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (text.includes("simulator ready")) break;
  }
  clearTimeout(deadline);
  if (!text.includes("simulator ready")) {
    throw new Error(`ibsim did not become ready: ${text}`);
  }
}

/** Returns a Get(ClassPortInfo). */
function probe(): Uint8Array {
  return SaMad.emit(SaMad.of({
    method: Method.Get,
    transactionId: 0xffff_ffffn,
    attributeId: SaAttribute.ClassPortInfo,
  }));
}
