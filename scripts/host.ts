/** A host of the demo, the benchmarks or a smoke test: a network namespace and an `ipoib up` process for it. */

import { IpoibError } from "../src/base/errors.ts";
import { IpcClient } from "../src/ipc/client.ts";
import {
  namespaceIdentity,
  socketDirectory,
  socketPath,
} from "../src/ipc/locate.ts";
import type { LinkRecord } from "../src/ipc/schema/link_record.ts";
import { RequestSocket } from "../src/netdev/rtnetlink/socket.ts";
import type { Fd } from "../src/system/fd.ts";
import { namespaceInode } from "../src/system/namespace.ts";
import { initialNamespaceInode } from "../src/system/namespace_inodes.ts";
import { addAddress } from "./address.ts";
import { programCommand } from "./program.ts";

/** Time for a process to start, join or create the subnet, and carry traffic: on a busy machine it can need a minute. */
const START_LIMIT_MS = 120_000;
const STOP_LIMIT_MS = 3000;
const RETRY_MS = 20;
const INTERFACE = "ib0";

export interface HostOptions {
  /** The host's network namespace. */
  readonly namespace: Fd;
  /** Runtime directory that the hosts of one subnet share. */
  readonly runtime: string;
  /** Command line that starts the program. Default: the program of this tree. */
  readonly command?: readonly [string, ...string[]] | undefined;
  /** Additional arguments of `ipoib up`. */
  readonly arguments?: readonly string[];
}

/** One running `ipoib up ib0`. */
export class Host {
  readonly #options: HostOptions;
  readonly #child: Deno.ChildProcess;
  readonly #listening: Promise<void>;
  #output = "";
  #ended = false;

  private constructor(options: HostOptions, child: Deno.ChildProcess) {
    this.#options = options;
    this.#child = child;
    this.#listening = this.#listen();
    child.status.then(() => this.#ended = true);
  }

  /** Starts the program. Use {@linkcode ready} or {@linkcode configure} to wait for it. */
  static start(options: HostOptions): Host {
    const [program, ...args] = options.command ?? programCommand();
    const child = new Deno.Command(program, {
      args: [
        ...args,
        "up",
        INTERFACE,
        "--netns",
        pathOf(options.namespace),
        "--hca",
        "soft",
        ...options.arguments ?? [],
      ],
      env: { IPOIB_RUNTIME_DIR: options.runtime },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    return new Host(options, child);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Standard error of the program so far. */
  get output(): string {
    return this.#output.trim();
  }

  /** Path of the namespace, valid in other processes while this process runs. */
  get namespacePath(): string {
    return pathOf(this.#options.namespace);
  }

  /** Waits until the interface carries traffic. */
  async ready(): Promise<void> {
    using client = await this.#connect();
    await running(client);
  }

  /** Waits until the interface carries traffic, then adds an address (`10.0.0.1/24`). */
  async configure(prefix: string): Promise<LinkRecord> {
    using client = await this.#connect();
    await running(client);
    const [link] = await client.call("link.show", { name: INTERFACE });
    using kernel = new RequestSocket(this.#options.namespace.number);
    addAddress(kernel, link!.ifindex, prefix);
    return link!;
  }

  /** Stops the program with SIGTERM, and with SIGKILL if it does not exit in time. */
  async stop(): Promise<void> {
    this.#signal("SIGTERM");
    const late = setTimeout(() => this.#signal("SIGKILL"), STOP_LIMIT_MS);
    await this.#child.status;
    clearTimeout(late);
    await this.#listening;
  }

  async #listen(): Promise<void> {
    const text = this.#child.stderr.pipeThrough(new TextDecoderStream());
    for await (const part of text) this.#output += part;
  }

  #signal(signal: Deno.Signal): void {
    try {
      if (!this.#ended) this.#child.kill(signal);
    } catch {
      // It has already exited.
    }
  }

  async #connect(): Promise<IpcClient> {
    const path = socketPath(
      socketDirectory(
        this.#options.runtime,
        namespaceIdentity(
          namespaceInode(this.#options.namespace.number),
          initialNamespaceInode(),
        ),
      ),
      INTERFACE,
    );
    const limit = performance.now() + START_LIMIT_MS;
    for (;;) {
      try {
        return await IpcClient.connect(path, INTERFACE);
      } catch (error) {
        if (this.#ended) {
          await this.#listening;
          throw new Error(this.output || "ipoib up exited without a message");
        }
        const starting = IpoibError.from(error).code === "E_NOT_RUNNING";
        if (!starting || performance.now() > limit) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

async function running(client: IpcClient): Promise<void> {
  await client.call("wait", {}, { timeout: START_LIMIT_MS });
}

function pathOf(namespace: Fd): string {
  return `/proc/${Deno.pid}/fd/${namespace.number}`;
}
