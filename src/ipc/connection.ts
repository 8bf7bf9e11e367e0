/** One client of a control socket, seen from the server: lines in, answers and events out. */

import * as v from "valibot";
import { IpoibError } from "../base/errors.ts";
import { MAX_REQUEST, RequestSchema, type Response } from "./envelope.ts";
import { encodeLine, LineSplitter, writeAll } from "./framing.ts";
import { dispatch, type Handlers } from "./handlers.ts";

/** Requests of one connection that may be under way at a time. */
const MAX_CALLS = 64;
/** Events that may wait for a client before it is given up. */
const MAX_EVENTS = 1024;

export class Connection {
  /** Resolves once the connection is closed. */
  readonly done: Promise<void>;
  readonly #conn: Deno.UnixConn;
  readonly #handlers: Handlers;
  readonly #gone = new AbortController();
  readonly #calls = new Set<Promise<void>>();
  #writes: Promise<void> = Promise.resolve();
  #events = 0;

  constructor(conn: Deno.UnixConn, handlers: Handlers) {
    this.#conn = conn;
    this.#handlers = handlers;
    this.done = this.#serve();
  }

  /** Queues an event; a client that leaves too many of them unread is disconnected. */
  event(event: string, data: unknown): void {
    if (this.#events >= MAX_EVENTS) {
      this.#close();
      return;
    }
    this.#events++;
    void this.#write({ event, data }).catch(() => {}).finally(() =>
      this.#events--
    );
  }

  /** Lets calls under way finish for at most `grace` milliseconds, then closes. */
  async finish(grace: number): Promise<void> {
    this.#gone.abort();
    let timer: ReturnType<typeof setTimeout> | undefined;
    await Promise.race([
      Promise.all(this.#calls).then(() => this.#writes),
      new Promise((resolve) => timer = setTimeout(resolve, grace)),
    ]);
    clearTimeout(timer);
    this.#close();
    await this.done;
  }

  async #serve(): Promise<void> {
    const lines = new LineSplitter(MAX_REQUEST);
    const chunk = new Uint8Array(16384);
    try {
      for (;;) {
        const length = await this.#conn.read(chunk);
        if (length === null) break;
        for (const line of lines.push(chunk.subarray(0, length))) {
          if (this.#calls.size >= MAX_CALLS) await Promise.race(this.#calls);
          this.#start(line);
        }
      }
      // A client may shut down its side after its last request and still read: answer it.
      await this.#quiet();
    } catch (error) {
      if (error instanceof IpoibError) {
        await this.#quiet();
        await this.#answerError(null, error);
      }
    }
    this.#gone.abort();
    this.#close();
  }

  /** Waits until the calls that are under way have been answered, unless nobody is there to read the answers. */
  async #quiet(): Promise<void> {
    if (this.#calls.size === 0) return;
    this.#gone.abort();
    await Promise.all(this.#calls);
  }

  #start(line: string): void {
    const call: Promise<void> = this.#call(line).finally(() =>
      this.#calls.delete(call)
    );
    this.#calls.add(call);
  }

  async #call(line: string): Promise<void> {
    const after: Array<() => void> = [];
    let id: Response["id"] = null;
    try {
      const request = readRequest(line);
      id = request.id;
      const result = await dispatch(
        this.#handlers,
        request.method,
        request.params,
        {
          signal: this.#gone.signal,
          afterReply: (action) => after.push(action),
        },
      );
      await this.#write({ id, ok: true, result: result ?? {} });
    } catch (error) {
      await this.#answerError(id, IpoibError.from(error));
    }
    for (const action of after) action();
  }

  #answerError(id: Response["id"], error: IpoibError): Promise<void> {
    return this.#write({ id, ok: false, error: error.toJSON() });
  }

  /** Writes a message after those before it. Throws (rejects) only for what JSON cannot express. */
  async #write(message: unknown): Promise<void> {
    const line = encodeLine(message);
    this.#writes = this.#writes.then(() => writeAll(this.#conn, line))
      .catch(() => this.#close());
    await this.#writes;
  }

  #close(): void {
    try {
      this.#conn.close();
    } catch {
      // Closed already.
    }
  }
}

function readRequest(line: string) {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new IpoibError("E_IPC_JSON", "Request is not JSON", { errno: 22 });
  }
  const request = v.safeParse(RequestSchema, value);
  if (request.success) return request.output;
  const field = v.getDotPath(request.issues[0]) ?? "request";
  throw new IpoibError(
    "E_IPC_REQUEST",
    `Request is wrong at "${field}": ${request.issues[0].message}`,
    { errno: 22 },
  );
}
