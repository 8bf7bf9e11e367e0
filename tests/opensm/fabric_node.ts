/** A node of the simulated fabric as the tests use it: node/main.ts in a process of its own. */

import { TextLineStream } from "../../scripts/opensm/lines.ts";
import { patient } from "../../scripts/machine.ts";
import { portGuid } from "../../scripts/opensm/fabric.ts";
import type { Simulator } from "../../scripts/opensm/simulator.ts";
import type { PortAttributes, PortEvent } from "../../src/hca/hca.ts";
import type { SaClient } from "../../src/sa/client.ts";
import type { SaCallback, SaResult } from "../../src/sa/result.ts";
import { fromLine, toLine } from "./node/json.ts";
import type { LinkStatus, NodeStatus } from "./node/worker.ts";

export type { LinkStatus, NodeStatus };

/** The SA client's requests. */
type Question = {
  [Name in keyof SaClient]: SaClient[Name] extends
    (...args: infer Args) => unknown
    ? Args extends [...unknown[], SaCallback<infer _>] ? Name : never
    : never;
}[keyof SaClient];

/** The arguments of a request, without time and callback. */
type Arguments<Name extends Question> = SaClient[Name] extends (
  ...args: [...infer Args, now: number, callback: SaCallback<infer _>]
) => unknown ? Args
  : never;

/** What a request brings. */
type Answer<Name extends Question> = Parameters<SaClient[Name]> extends
  [...unknown[], SaCallback<infer Record>] ? Record : never;

/** A node that takes longer to end is stuck. */
const CLOSE_LIMIT_MS = 15_000;

interface Said {
  id?: number;
  result?: unknown;
  error?: string;
  event?: string;
  data?: unknown;
}

export class FabricNode {
  /** States of interfaces as they came, "ib0: running". */
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
        ...["--allow-ffi", "--allow-read", program],
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

  /** Starts the n-th node; its port knows of itself what is said here. */
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

  /** Puts a question to the subnet administrator. */
  ask<Name extends Question>(
    question: Name,
    ...args: Arguments<Name>
  ): Promise<SaResult<Answer<Name>>> {
    return this.#call("ask", question, ...args);
  }

  /** As {@linkcode ask}, but a refusal is an error. */
  async get<Name extends Question>(
    question: Name,
    ...args: Arguments<Name>
  ): Promise<Answer<Name>> {
    const result = await this.ask(question, ...args);
    if (result.ok) return result.record;
    throw new Error(
      `${question}: status ${result.status}, errno ${result.errno}`,
    );
  }

  /** An event of the port, with what it changed. */
  event(
    type: Exclude<PortEvent["type"], "device_fatal">,
    attributes: Partial<PortAttributes> = {},
  ): Promise<void> {
    return this.#call("event", { type }, attributes);
  }

  /** The next answers of the administrator do not arrive. */
  lose(count: number): Promise<void> {
    return this.#call("lose", count);
  }

  /** Makes the interface ib0. */
  up(): Promise<void> {
    return this.#call("up");
  }

  /** Makes the child of a P_Key, and sets it up. */
  child(pkey: number): Promise<void> {
    return this.#call("child", pkey);
  }

  /** The kernel of an interface becomes a member of an IPv4 group. */
  member(name: string, group: number): Promise<void> {
    return this.#call("member", name, group);
  }

  /** The engine of an interface asks for a path, and keeps it. */
  path(name: string, gid: Uint8Array): Promise<void> {
    return this.#call("path", name, gid);
  }

  status(): Promise<NodeStatus> {
    return this.#call("status");
  }

  async link(name: string): Promise<LinkStatus> {
    return (await this.status()).links.find((each) => each.name === name)!;
  }

  /** Ends it in good order: it leaves its groups. */
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
    for await (const line of lines) this.#take(fromLine(line) as Said);
    const ended = new Error("The node ended");
    this.#ready.reject(ended);
    for (const { reject } of this.#pending.values()) reject(ended);
  }

  #take({ id, result, error, event, data }: Said): void {
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
