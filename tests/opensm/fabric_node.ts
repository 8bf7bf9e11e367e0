/** Controls a node of the simulated fabric: node/main.ts in a child process. */

import { TextLineStream } from "../../scripts/opensm/lines.ts";
import { patient } from "../../scripts/machine.ts";
import { portGuid } from "../../scripts/opensm/fabric.ts";
import type { Simulator } from "../../scripts/opensm/simulator.ts";
import type { PortEvent } from "../../src/hca/hca.ts";
import type { PortAttributes } from "../../src/hca/port_attributes.ts";
import type { SaClient } from "../../src/sa/client.ts";
import type { SaCallback, SaResult } from "../../src/sa/result.ts";
import { fromLine, toLine } from "./node/json.ts";
import type { LinkStatus, NodeStatus } from "./node/worker.ts";

export type { LinkStatus, NodeStatus };

/** Names of the SA client's request methods. */
type RequestName = {
  [Name in keyof SaClient]: SaClient[Name] extends
    (...args: infer Args) => unknown
    ? Args extends [...unknown[], SaCallback<infer _>] ? Name : never
    : never;
}[keyof SaClient];

/** Arguments of a request without time and callback. */
type Arguments<Name extends RequestName> = SaClient[Name] extends (
  ...args: [...infer Args, now: number, callback: SaCallback<infer _>]
) => unknown ? Args
  : never;

/** Record that a request returns. */
type Answer<Name extends RequestName> = Parameters<SaClient[Name]> extends
  [...unknown[], SaCallback<infer Record>] ? Record : never;

/** The node is killed if it does not exit in this time. */
const CLOSE_LIMIT_MS = 15_000;

/** A line of node/main.ts. */
interface NodeOutput {
  id?: number;
  result?: unknown;
  error?: string;
  event?: string;
  data?: unknown;
}

export class FabricNode {
  /** State changes of the interfaces in order, as "ib0: running". */
  readonly states: string[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #reading: Promise<void>;
  #nextId = 1;

  private constructor(simulator: Simulator, node: number) {
    const program = new URL("node/main.ts", import.meta.url).pathname;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--quiet", "--no-check"],
        ...["--allow-ffi", "--allow-read", "--allow-env", program],
      ],
      cwd: simulator.folder,
      env: simulator.environment(node),
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#reading = this.#read();
  }

  /** Starts the n-th node. Its port has the given attributes. */
  static async start(
    simulator: Simulator,
    n: number,
    attributes: Partial<PortAttributes> = {},
  ): Promise<FabricNode> {
    const node = new FabricNode(simulator, n);
    await node.#write({ guid: portGuid(n), attributes });
    await node.#ready.promise;
    return node;
  }

  /** Sends a request to the subnet administrator. */
  request<Name extends RequestName>(
    name: Name,
    ...args: Arguments<Name>
  ): Promise<SaResult<Answer<Name>>> {
    return this.#call("request", name, ...args);
  }

  /** Sends a request and returns its record. Throws an Error if the request fails. */
  async get<Name extends RequestName>(
    name: Name,
    ...args: Arguments<Name>
  ): Promise<Answer<Name>> {
    const result = await this.request(name, ...args);
    if (result.ok) return result.record;
    throw new Error(
      `${name}: status ${result.status}, errno ${result.errno}`,
    );
  }

  /** Injects an event of the port and the attributes that it changes. */
  event(
    type: Exclude<PortEvent["type"], "device_fatal">,
    attributes: Partial<PortAttributes> = {},
  ): Promise<void> {
    return this.#call("event", { type }, attributes);
  }

  /** Drops the next `count` answers of the administrator. */
  lose(count: number): Promise<void> {
    return this.#call("lose", count);
  }

  /** Creates the interface ib0. */
  up(): Promise<void> {
    return this.#call("up");
  }

  /** Creates the child interface of a P_Key and sets it up. */
  child(pkey: number): Promise<void> {
    return this.#call("child", pkey);
  }

  /** Joins an IPv4 group on an interface's network device. */
  member(name: string, group: number): Promise<void> {
    return this.#call("member", name, group);
  }

  /** Checks all memberships at once, which are otherwise checked after 30 to 60 s. */
  check(): Promise<void> {
    return this.#call("check");
  }

  /** Requests a path through the engine of an interface, which caches it. */
  path(name: string, gid: Uint8Array): Promise<void> {
    return this.#call("path", name, gid);
  }

  status(): Promise<NodeStatus> {
    return this.#call("status");
  }

  async link(name: string): Promise<LinkStatus> {
    return (await this.status()).links.find((each) => each.name === name)!;
  }

  /** Stops the node, which leaves its groups. */
  async close(): Promise<void> {
    await this.#writer.close();
    const limit = setTimeout(
      () => this.#child.kill("SIGKILL"),
      patient(CLOSE_LIMIT_MS),
    );
    await this.#reading;
    await this.#child.status;
    clearTimeout(limit);
  }

  async #call<T>(command: string, ...params: unknown[]): Promise<T> {
    const id = this.#nextId++;
    const pending = Promise.withResolvers<unknown>();
    this.#pending.set(id, pending);
    await this.#write({ id, command, params });
    return await pending.promise as T;
  }

  #write(value: unknown): Promise<void> {
    return this.#writer.write(new TextEncoder().encode(toLine(value)));
  }

  async #read(): Promise<void> {
    const lines = this.#child.stdout.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream());
    for await (const line of lines) this.#take(fromLine(line) as NodeOutput);
    const ended = new Error("The node exited before it answered");
    this.#ready.reject(ended);
    for (const { reject } of this.#pending.values()) reject(ended);
  }

  #take({ id, result, error, event, data }: NodeOutput): void {
    if (event === "ready") this.#ready.resolve();
    if (event === "state") {
      const { name, state } = data as { name: string; state: string };
      this.states.push(`${name}: ${state}`);
    }
    if (id === undefined) return;
    const pending = this.#pending.get(id)!;
    this.#pending.delete(id);
    if (error === undefined) pending.resolve(result);
    else pending.reject(new Error(error));
  }
}
