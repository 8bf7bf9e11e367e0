/**
 * The client's end of a control socket: calls with a time limit, events, and the news that the other side ended.
 */

import { Errno } from "../base/errno.ts";
import * as v from "valibot";
import { IpoibError } from "../base/errors.ts";
import { connectSocket } from "./connect.ts";
import {
  type Event,
  MAX_REQUEST,
  MAX_RESPONSE,
  ReplySchema,
} from "./envelope.ts";
import { encodeLine, LineSplitter, writeAll } from "./framing.ts";
import { type Method, methods, type Params, type Result } from "./methods.ts";

const DEFAULT_TIMEOUT = 5000;

interface Pending {
  resolve(result: unknown): void;
  reject(error: IpoibError): void;
}

export interface CallOptions {
  /** Milliseconds until `E_IPC_TIMEOUT`; Infinity to wait as long as the other side lives. Default 5000. */
  timeout?: number;
}

/** A connection to a process that owns an interface or hosts a subnet. */
export class IpcClient {
  /** Called for each event. */
  onEvent: (event: Event) => void = () => {};
  /** Resolves once the connection has ended, whoever ended it. */
  readonly closed: Promise<void>;
  readonly #conn: Deno.UnixConn;
  readonly #what: string;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #open = true;
  #writes: Promise<unknown> = Promise.resolve();

  private constructor(conn: Deno.UnixConn, what: string) {
    this.#conn = conn;
    this.#what = what;
    this.closed = this.#read();
  }

  /**
   * Connects to the socket at `path`; throws `E_NOT_RUNNING` and what else {@linkcode connectSocket} throws.
   *
   * @param what Names the other side in messages: `ib0`, `Subnet default`.
   */
  static async connect(path: string, what: string): Promise<IpcClient> {
    return new IpcClient(await connectSocket(path, what), what);
  }

  /**
   * Calls a method.
   *
   * Throws the error that the other side answers with; `E_IPC_TIMEOUT`; `E_IPC_CLOSED` if it ends before it
   * answers; `E_IPC_RESULT` for an answer of another shape than expected.
   */
  async call<M extends Method>(
    method: M,
    params: Params<M>,
    options: CallOptions = {},
  ): Promise<Result<M>> {
    const id = this.#nextId++;
    const line = encodeLine({ id, method, params });
    if (line.length > MAX_REQUEST + 1) {
      throw new IpoibError(
        "E_IPC_TOO_LARGE",
        `Request ${method} is longer than ${MAX_REQUEST} bytes`,
        { errno: Errno.EMSGSIZE },
      );
    }
    const answer = await this.#exchange(
      id,
      method,
      line,
      options.timeout ?? DEFAULT_TIMEOUT,
    );
    const checked = v.safeParse(methods[method].result, answer);
    if (checked.success) return checked.output as Result<M>;
    throw new IpoibError(
      "E_IPC_RESULT",
      `${this.#what} answered ${method} in an unknown form: ${
        v.getDotPath(checked.issues[0]) ?? "result"
      }`,
      { hint: "the running process and this program differ in version" },
    );
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    try {
      this.#conn.close();
    } catch {
      // The reader has closed it already.
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
    timeout: number,
  ): Promise<unknown> {
    if (!this.#open) throw this.#closedError();
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#pending.set(id, { resolve, reject });
    const timer = timeout === Infinity ? undefined : setTimeout(
      () =>
        reject(
          new IpoibError(
            "E_IPC_TIMEOUT",
            `${this.#what} did not answer ${method} within ${timeout / 1000} s`,
            {
              errno: Errno.ETIMEDOUT,
              hint: "the process may be stopped or overloaded",
            },
          ),
        ),
      timeout,
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
      // Whatever ended the connection, the calls that wait are told below.
    }
    this.close();
  }

  #take(line: string): void {
    const reply = v.parse(ReplySchema, JSON.parse(line));
    if ("event" in reply) {
      this.onEvent({ event: reply.event, data: reply.data });
      return;
    }
    // A refusal of the connection itself has no id: it answers whatever waits.
    const waiting = reply.id === null
      ? [...this.#pending.values()]
      : [this.#pending.get(Number(reply.id))];
    for (const pending of waiting) {
      if (reply.ok) pending?.resolve(reply.result);
      else pending?.reject(IpoibError.from(reply.error));
    }
  }

  #failAll(): void {
    for (const pending of this.#pending.values()) {
      pending.reject(this.#closedError());
    }
  }

  #closedError(): IpoibError {
    return new IpoibError("E_IPC_CLOSED", `${this.#what} ended`, {
      errno: Errno.ECONNRESET,
    });
  }
}
