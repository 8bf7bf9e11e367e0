/** The server's connection to one client of a control socket: reads requests, writes replies and items of streams. */

import { Errno } from "../base/errno.ts";
import * as v from "valibot";
import { IpoibError } from "../base/errors.ts";
import {
  MAX_REQUEST,
  MAX_RESPONSE,
  type RequestId,
  RequestSchema,
  type Response,
} from "./envelope.ts";
import { encodeLine, LineSplitter } from "./framing.ts";
import { dispatch, type Handlers } from "./handlers.ts";
import { ItemStream } from "./item_stream.ts";
import type { EndReason, IpcLimits } from "./limits.ts";
import { Outbox } from "./outbox.ts";

/** Time limit for the error message to a client that is being disconnected. */
const LAST_MESSAGE_MS = 10;

/** Owner of the connections, which enforces the limits that apply to all of them together. */
export interface ConnectionOwner {
  readonly limits: IpcLimits;
  /** Called after a message is queued. */
  onQueued(): void;
  /** Called when the server disconnects the client for this reason. */
  onEnded(reason: EndReason): void;
}

export class Connection {
  /** Resolves when the connection is closed. */
  readonly done: Promise<void>;
  readonly #conn: Deno.UnixConn;
  readonly #handlers: Handlers;
  readonly #owner: ConnectionOwner;
  readonly #outbox: Outbox;
  readonly #gone = new AbortController();
  readonly #calls = new Set<Promise<void>>();
  /** The streams of the calls in progress. */
  readonly #streams = new Set<ItemStream>();
  /** Number of requests without a reply. */
  #unanswered = 0;
  #activeAt = performance.now();
  #ended = false;

  constructor(
    conn: Deno.UnixConn,
    handlers: Handlers,
    owner: ConnectionOwner,
  ) {
    this.#conn = conn;
    this.#handlers = handlers;
    this.#owner = owner;
    this.#outbox = new Outbox(conn, () => this.#close());
    this.done = this.#serve();
  }

  /** True if the connection is closed or closing. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Bytes queued for this client. */
  get unsent(): number {
    let sum = this.#outbox.unsent;
    if (this.#ended) return sum;
    for (const { waiting } of this.#streams) sum += waiting;
    return sum;
  }

  /** Time (performance.now()) of the last write to the client; the present time while nothing is queued. */
  get movedAt(): number {
    return this.#outbox.movedAt;
  }

  /** Time (performance.now()) of the last request or reply, or of the last write while messages are queued. */
  get activeAt(): number {
    return this.unsent > 0
      ? Math.max(this.#activeAt, this.movedAt)
      : this.#activeAt;
  }

  /** True while a request has no reply. */
  get busy(): boolean {
    return this.#unanswered > 0;
  }

  /** Disconnects the client. Sends `error` first if no earlier message is queued. */
  async end(reason: EndReason, error?: IpoibError): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.#owner.onEnded(reason);
    this.#gone.abort();
    if (error !== undefined && this.unsent === 0) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      await Promise.race([
        this.#outbox.push(refusal(null, error)),
        new Promise((resolve) => timer = setTimeout(resolve, LAST_MESSAGE_MS)),
      ]);
      clearTimeout(timer);
    }
    this.#close();
  }

  /** Aborts the signals of the handlers, waits up to `graceMs` for the replies, then closes the connection. */
  async finish(graceMs: number): Promise<void> {
    this.#gone.abort(
      new IpoibError("E_IPC_CLOSED", "The process is shutting down", {
        errno: Errno.ESHUTDOWN,
      }),
    );
    let timer: ReturnType<typeof setTimeout> | undefined;
    await Promise.race([
      Promise.all(this.#calls).then(() => this.#outbox.empty()),
      new Promise((resolve) => timer = setTimeout(resolve, graceMs)),
    ]);
    clearTimeout(timer);
    this.#close();
    await this.done;
  }

  async #serve(): Promise<void> {
    const lines = new LineSplitter(MAX_REQUEST);
    const chunk = new Uint8Array(16384);
    let incomplete: ReturnType<typeof setTimeout> | undefined;
    try {
      for (;;) {
        const length = await this.#conn.read(chunk);
        if (length === null) break;
        for (const line of lines.push(chunk.subarray(0, length))) {
          clearTimeout(incomplete);
          incomplete = undefined;
          this.#activeAt = performance.now();
          if (this.#calls.size >= this.#owner.limits.calls) {
            await Promise.race(this.#calls);
          }
          if (this.#ended) break;
          this.#start(line);
        }
        if (lines.pending > 0) incomplete ??= this.#startDeadline();
      }
      // The client may have shut down only its sending side, and still reads replies.
      await this.#drain();
    } catch (error) {
      if (error instanceof IpoibError) {
        await this.#drain();
        await this.#answerError(null, error);
      }
    }
    clearTimeout(incomplete);
    this.#gone.abort();
    if (!this.#ended) this.#close();
  }

  /** Starts the timer that disconnects the client if the request stays incomplete. */
  #startDeadline(): ReturnType<typeof setTimeout> {
    const { requestMs } = this.#owner.limits;
    return setTimeout(() =>
      void this.end(
        "incomplete",
        new IpoibError(
          "E_IPC_INCOMPLETE",
          `Request was incomplete after ${requestMs / 1000} s`,
          { errno: Errno.ETIMEDOUT, hint: "end each request with a newline" },
        ),
      ), requestMs);
  }

  /** Aborts the signals of the handlers and waits for the calls in progress. */
  async #drain(): Promise<void> {
    if (this.#calls.size === 0) return;
    this.#gone.abort();
    await Promise.all(this.#calls);
  }

  #start(line: string): void {
    this.#unanswered++;
    const call: Promise<void> = this.#call(line).finally(() =>
      this.#calls.delete(call)
    );
    this.#calls.add(call);
  }

  async #call(line: string): Promise<void> {
    const after: Array<() => void> = [];
    const reply = await this.#answer(line, after);
    this.#unanswered--;
    this.#activeAt = performance.now();
    await this.#queue(reply);
    for (const action of after) action();
  }

  /** Returns the reply to a request as a line. Adds the actions that follow it to `after`. */
  async #answer(line: string, after: Array<() => void>): Promise<Uint8Array> {
    let id: Response["id"] = null;
    let stream: ItemStream | undefined;
    try {
      const request = readRequest(line);
      id = request.id;
      const result = await dispatch(
        this.#handlers,
        request.method,
        request.params,
        {
          signal: this.#gone.signal,
          namespace: request.namespace === undefined
            ? undefined
            : BigInt(request.namespace),
          gone: () => this.#ended,
          afterReply: (action) => after.push(action),
          send: (item) => {
            if (this.#ended) return;
            stream ??= this.#openStream(request.id);
            stream.send(item);
            this.#owner.onQueued();
          },
          sent: async () => await stream?.sent(),
        },
      );
      await stream?.sent();
      const reply = encodeLine({ id, ok: true, result: result ?? {} });
      if (reply.length <= MAX_RESPONSE) return reply;
      throw new IpoibError(
        "E_IPC_TOO_LARGE",
        `Reply to ${request.method} is longer than ${MAX_RESPONSE} bytes`,
        { errno: Errno.EMSGSIZE },
      );
    } catch (error) {
      return refusal(id, IpoibError.from(error));
    } finally {
      if (stream) this.#streams.delete(stream);
    }
  }

  #openStream(id: RequestId): ItemStream {
    const stream = new ItemStream(
      id,
      this.#owner.limits.stream,
      (line) => this.#queue(line),
    );
    this.#streams.add(stream);
    return stream;
  }

  #answerError(id: Response["id"], error: IpoibError): Promise<void> {
    return this.#queue(refusal(id, error));
  }

  /** Queues a line. Resolves when the line is written or the connection is closed. */
  async #queue(line: Uint8Array): Promise<void> {
    if (this.#ended) return;
    const { unsent } = this.#outbox;
    if (unsent > 0 && unsent + line.length > this.#owner.limits.unsent) {
      return this.end("unread");
    }
    const written = this.#outbox.push(line);
    this.#owner.onQueued();
    await written;
  }

  #close(): void {
    this.#ended = true;
    try {
      this.#conn.close();
    } catch {
      // Closed already.
    }
  }
}

/** Returns an error reply as a line. */
function refusal(id: Response["id"], error: IpoibError): Uint8Array {
  return encodeLine({ id, ok: false, error: error.toJSON() });
}

/** Parses a request. Throws `E_IPC_JSON` or `E_IPC_REQUEST`. */
function readRequest(line: string) {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new IpoibError("E_IPC_JSON", "Request is not valid JSON", {
      errno: Errno.EINVAL,
    });
  }
  const request = v.safeParse(RequestSchema, value);
  if (request.success) return request.output;
  const field = v.getDotPath(request.issues[0]) ?? "request";
  throw new IpoibError(
    "E_IPC_REQUEST",
    `Invalid request at "${field}": ${request.issues[0].message}`,
    { errno: Errno.EINVAL },
  );
}
