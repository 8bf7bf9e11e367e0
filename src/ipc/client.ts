/** Client of a control socket: calls with a timeout, streams, and a promise that resolves on disconnection. */

import { Errno } from "../base/errno.ts";
import * as v from "valibot";
import { IpoibError } from "../base/errors.ts";
import { connectSocket } from "./connect.ts";
import { MAX_REQUEST, MAX_RESPONSE, ReplySchema } from "./envelope.ts";
import { encodeLine, LineSplitter, writeAll } from "./framing.ts";
import { OTHER_VERSION } from "./handlers.ts";
import {
  type Item,
  type Method,
  methods,
  type Params,
  type Result,
  type StreamMethod,
} from "./methods.ts";

/** Long enough for a virtual machine that is 20 times slower than its host. */
const DEFAULT_TIMEOUT_MS = 20_000;

/** Takes the items of a line of a stream. `lost` items before them were dropped, because they were not read in time. */
type Take<T> = (items: T[], lost: number) => void;

interface Pending {
  /** Absent for a call without a stream. */
  readonly take?: Take<unknown> | undefined;
  resolve(result: unknown): void;
  reject(error: IpoibError): void;
}

export interface CallOptions {
  /** Milliseconds until `E_IPC_TIMEOUT`. Infinity waits until the connection closes. Default: 20,000. */
  timeout?: number;
}

/** A connection to a process that owns an interface or runs a subnet manager. */
export class IpcClient {
  /** Resolves when either end has closed the connection. */
  readonly closed: Promise<void>;
  readonly #conn: Deno.UnixConn;
  readonly #server: string;
  readonly #namespace: string | undefined;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #open = true;
  #writes: Promise<unknown> = Promise.resolve();

  private constructor(
    conn: Deno.UnixConn,
    server: string,
    namespace: bigint | undefined,
  ) {
    this.#conn = conn;
    this.#server = server;
    this.#namespace = namespace?.toString();
    this.closed = this.#read();
  }

  /**
   * Connects to the socket at `path`. Throws the errors of {@linkcode connectSocket}.
   *
   * @param server name of the server in error messages: `ib0`, `Subnet default`
   * @param namespace inode of the network namespace in which the server looks up the names of requests (envelope.ts)
   */
  static async connect(
    path: string,
    server: string,
    namespace?: bigint,
  ): Promise<IpcClient> {
    const conn = await connectSocket(path, server);
    return new IpcClient(conn, server, namespace);
  }

  /**
   * Calls a method and returns its result.
   *
   * Throws the error in the reply, `E_IPC_TOO_LARGE` if the request exceeds 64 KiB, `E_IPC_TIMEOUT`, `E_IPC_CLOSED` if
   * the connection closes before the reply, `E_IPC_RESULT` if the result does not match its schema.
   */
  call<M extends Method>(
    method: M,
    params: Params<M>,
    options: CallOptions = {},
  ): Promise<Result<M>> {
    return this.#call(method, params, options.timeout ?? DEFAULT_TIMEOUT_MS);
  }

  /**
   * Calls a method with a stream. Calls `take` for each received line, until the server ends the stream; then returns
   * the result. While `take` runs nothing is read. Throws the errors of {@linkcode call}, except `E_IPC_TIMEOUT`;
   * `E_IPC_CLOSED` also after {@linkcode close}, which ends the stream.
   */
  stream<M extends StreamMethod>(
    method: M,
    params: Params<M>,
    take: Take<Item<M>>,
  ): Promise<Result<M>> {
    const { item } = methods[method];
    return this.#call(method, params, Infinity, (items, lost) => {
      const checked = v.safeParse(v.array(item), items);
      if (checked.success) take(checked.output as Item<M>[], lost);
      else throw this.#invalid(method, checked.issues[0]);
    });
  }

  async #call<M extends Method>(
    method: M,
    params: Params<M>,
    timeoutMs: number,
    take?: Take<unknown>,
  ): Promise<Result<M>> {
    const id = this.#nextId++;
    const namespace = this.#namespace;
    const line = encodeLine({ id, method, params, namespace });
    if (line.length > MAX_REQUEST + 1) {
      throw new IpoibError(
        "E_IPC_TOO_LARGE",
        `Request ${method} is longer than ${MAX_REQUEST} bytes`,
        { errno: Errno.EMSGSIZE },
      );
    }
    const result = await this.#exchange(id, method, line, timeoutMs, take);
    const checked = v.safeParse(methods[method].result, result);
    if (checked.success) return checked.output as Result<M>;
    throw this.#invalid(method, checked.issues[0]);
  }

  /** Closes the connection. Pending calls reject with `E_IPC_CLOSED`. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    try {
      this.#conn.close();
    } catch {
      // The descriptor is closed already.
    }
    this.#failAll();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #exchange(
    id: number,
    method: string,
    line: Uint8Array,
    timeoutMs: number,
    take: Take<unknown> | undefined,
  ): Promise<unknown> {
    if (!this.#open) throw this.#closedError();
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#pending.set(id, { take, resolve, reject });
    const timer = timeoutMs === Infinity ? undefined : setTimeout(
      () =>
        reject(
          new IpoibError(
            "E_IPC_TIMEOUT",
            `${this.#server} did not reply to ${method} within ${
              timeoutMs / 1000
            } s`,
            {
              errno: Errno.ETIMEDOUT,
              hint: "the process may be stopped or overloaded",
            },
          ),
        ),
      timeoutMs,
    );
    this.#writes = this.#writes.then(() => writeAll(this.#conn, line)).catch(
      () => this.close(),
    );
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#pending.delete(id);
    }
  }

  async #read(): Promise<void> {
    const lines = new LineSplitter(MAX_RESPONSE);
    const chunk = new Uint8Array(65536);
    try {
      for (;;) {
        const length = await this.#conn.read(chunk);
        if (length === null) break;
        for (const line of lines.push(chunk.subarray(0, length))) {
          this.#take(line);
        }
      }
    } catch {
      // close() rejects the pending calls, regardless of the cause.
    }
    this.close();
  }

  #take(line: string): void {
    const reply = v.parse(ReplySchema, JSON.parse(line));
    if ("items" in reply) {
      const pending = this.#pending.get(Number(reply.id));
      try {
        pending?.take?.(reply.items, reply.lost ?? 0);
      } catch (error) {
        pending?.reject(IpoibError.from(error));
        this.close();
      }
      return;
    }
    // An error reply without an id refuses the connection, and so all pending calls.
    const answered = reply.id === null
      ? [...this.#pending.values()]
      : [this.#pending.get(Number(reply.id))];
    for (const pending of answered) {
      if (reply.ok) pending?.resolve(reply.result);
      else pending?.reject(IpoibError.from(reply.error));
    }
  }

  #failAll(): void {
    for (const pending of this.#pending.values()) {
      pending.reject(this.#closedError());
    }
  }

  #invalid(method: string, issue: v.BaseIssue<unknown>): IpoibError {
    return new IpoibError(
      "E_IPC_RESULT",
      `Invalid reply from ${this.#server} to ${method} at "${
        v.getDotPath(issue) ?? "result"
      }"`,
      { hint: OTHER_VERSION },
    );
  }

  #closedError(): IpoibError {
    return new IpoibError(
      "E_IPC_CLOSED",
      `Connection to ${this.#server} is closed`,
      { errno: Errno.ECONNRESET },
    );
  }
}
