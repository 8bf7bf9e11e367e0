/** A host of the demo, the bench or a smoke test: a namespace with an interface, carried by the real program. */

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
import {
  initialNamespaceInode,
  namespaceInode,
} from "../src/system/namespace.ts";
import { addAddress } from "./address.ts";
import { programCommand } from "./program.ts";

/** Time for a process to start, find or found the subnet, and carry traffic. */
const START_LIMIT = 20_000;
const STOP_LIMIT = 3000;
const RETRY = 20;
const INTERFACE = "ib0";

export interface HostOptions {
  /** The host's network namespace. */
  readonly namespace: Fd;
  /** Runtime directory that the hosts of one subnet share. */
  readonly runtime: string;
  /** The command line that starts the program. Default: this tree's own. */
  readonly command?: readonly [string, ...string[]] | undefined;
  /** More arguments of `ipoib up`. */
  readonly arguments?: readonly string[];
}

/** One running `ipoib up ib0`. */
export class Host {
  readonly #options: HostOptions;
  readonly #child: Deno.ChildProcess;
  readonly #listening: Promise<void>;
  #said = "";
  #ended = false;

  private constructor(options: HostOptions, child: Deno.ChildProcess) {
    this.#options = options;
    this.#child = child;
    this.#listening = this.#listen();
    child.status.then(() => this.#ended = true);
  }

  /** Starts the program; it is not ready yet. */
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

  /** What the program wrote to standard error so far. */
  get said(): string {
    return this.#said.trim();
  }

  /** Path of the namespace, for other processes while this one lives. */
  get namespacePath(): string {
    return pathOf(this.#options.namespace);
  }

  /** Returns once the interface, which the program sets up itself, carries traffic. */
  async ready(): Promise<void> {
    using client = await this.#connect();
    await running(client);
  }

  /** Gives the interface an address (`10.0.0.1/24`) once it carries traffic. */
  async configure(prefix: string): Promise<LinkRecord> {
    using client = await this.#connect();
    await running(client);
    const [link] = await client.call("link.show", { name: INTERFACE });
    using kernel = new RequestSocket(this.#options.namespace.number);
    addAddress(kernel, link!.ifindex, prefix);
    return link!;
  }

  /** Ends the program: asks first, insists later. */
  async stop(): Promise<void> {
    this.#signal("SIGTERM");
    const late = setTimeout(() => this.#signal("SIGKILL"), STOP_LIMIT);
    await this.#child.status;
    clearTimeout(late);
    await this.#listening;
  }

  async #listen(): Promise<void> {
    const text = this.#child.stderr.pipeThrough(new TextDecoderStream());
    for await (const part of text) this.#said += part;
  }

  #signal(signal: Deno.Signal): void {
    try {
      if (!this.#ended) this.#child.kill(signal);
    } catch {
      // It has ended by itself.
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
    const limit = performance.now() + START_LIMIT;
    for (;;) {
      try {
        return await IpcClient.connect(path, INTERFACE);
      } catch (error) {
        if (this.#ended) {
          await this.#listening;
          throw new Error(this.said || "ipoib up ended without a word");
        }
        const starting = IpoibError.from(error).code === "E_NOT_RUNNING";
        if (!starting || performance.now() > limit) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY));
    }
  }
}

async function running(client: IpcClient): Promise<void> {
  await client.call("wait", {}, { timeout: START_LIMIT });
}

function pathOf(namespace: Fd): string {
  return `/proc/${Deno.pid}/fd/${namespace.number}`;
}
