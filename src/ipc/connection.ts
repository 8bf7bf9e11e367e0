/** One client of a control socket, seen from the server: lines in, answers and events out. */

import { Errno } from "../base/errno.ts";
import * as v from "valibot";
import { IpoibError } from "../base/errors.ts";
import {
  MAX_REQUEST,
  MAX_RESPONSE,
  RequestSchema,
  type Response,
} from "./envelope.ts";
import { encodeLine, LineSplitter } from "./framing.ts";
import { dispatch, type Handlers } from "./handlers.ts";
import type { EndReason, IpcLimits } from "./limits.ts";
import { Outbox } from "./outbox.ts";

/** How long an ended client's last message may take. */
const LAST_MESSAGE_MS = 10;

/** What a connection reports to: it adds up what all connections use. */
export interface ConnectionOwner {
  readonly limits: IpcLimits;
  /** A message was queued. */
  onQueued(): void;
  onEnded(reason: EndReason): void;
}

export class Connection {
  /** Resolves once the connection is closed. */
  readonly done: Promise<void>;
  readonly #conn: Deno.UnixConn;
  readonly #handlers: Handlers;
  readonly #owner: ConnectionOwner;
  readonly #outbox: Outbox;
  readonly #gone = new AbortController();
  readonly #calls = new Set<Promise<void>>();
  /** Requests that have no answer yet. */
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

  /** True once it is closed or about to be. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Bytes that wait for this client. */
  get unsent(): number {
    return this.#outbox.unsent;
  }

  /** When it last took bytes that wait for it. */
  get movedAt(): number {
    return this.#outbox.movedAt;
  }

  /** When it last sent a request or took a part of a reply. */
  get activeAt(): number {
    return this.unsent > 0
      ? Math.max(this.#activeAt, this.movedAt)
      : this.#activeAt;
  }

  /** True while a request has no answer. */
  get busy(): boolean {
    return this.#unanswered > 0;
  }

  /** Queues an event; a client that leaves too many of them unread is disconnected. */
  event(event: string, data: unknown): void {
    void this.#write({ event, data }).catch(() => {});
  }

  /** Ends the connection at once. A client that has read everything so far is sent the error. */
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

  /** Lets calls under way finish for at most `grace` milliseconds, then closes. */
  async finish(grace: number): Promise<void> {
    this.#gone.abort(
      new IpoibError("E_IPC_CLOSED", "The process is ending", {
        errno: Errno.ESHUTDOWN,
      }),
    );
    let timer: ReturnType<typeof setTimeout> | undefined;
    await Promise.race([
      Promise.all(this.#calls).then(() => this.#outbox.empty()),
      new Promise((resolve) => timer = setTimeout(resolve, grace)),
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
      // A client may shut down its side after its last request and still read: answer it.
      await this.#quiet();
    } catch (error) {
      if (error instanceof IpoibError) {
        await this.#quiet();
        await this.#answerError(null, error);
      }
    }
    clearTimeout(incomplete);
    this.#gone.abort();
    if (!this.#ended) this.#close();
  }

  /** Ends the connection unless the request that has begun is complete in time. */
  #startDeadline(): ReturnType<typeof setTimeout> {
    const { requestMs } = this.#owner.limits;
    return setTimeout(() =>
      void this.end(
        "incomplete",
        new IpoibError(
          "E_IPC_INCOMPLETE",
          `Request was not complete after ${requestMs / 1000} s`,
          { errno: Errno.ETIMEDOUT, hint: "a request ends with a newline" },
        ),
      ), requestMs);
  }

  /** Waits until the calls that are under way have been answered, unless nobody is there to read the answers. */
  async #quiet(): Promise<void> {
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

  /** The reply to a request, as a line. */
  async #answer(line: string, after: Array<() => void>): Promise<Uint8Array> {
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
          gone: () => this.#ended,
          afterReply: (action) => after.push(action),
        },
      );
      const reply = encodeLine({ id, ok: true, result: result ?? {} });
      if (reply.length <= MAX_RESPONSE) return reply;
      throw new IpoibError(
        "E_IPC_TOO_LARGE",
        `Reply to ${request.method} is longer than ${MAX_RESPONSE} bytes`,
        { errno: Errno.EMSGSIZE },
      );
    } catch (error) {
      return refusal(id, IpoibError.from(error));
    }
  }

  #answerError(id: Response["id"], error: IpoibError): Promise<void> {
    return this.#queue(refusal(id, error));
  }

  /** Writes a message after those before it. Throws (rejects) only for what JSON cannot express. */
  async #write(message: unknown): Promise<void> {
    await this.#queue(encodeLine(message));
  }

  /** Resolves when the line is written, or the client has gone. */
  async #queue(line: Uint8Array): Promise<void> {
    if (this.#ended) return;
    if (
      this.unsent > 0 && this.unsent + line.length > this.#owner.limits.unsent
    ) {
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

function refusal(id: Response["id"], error: IpoibError): Uint8Array {
  return encodeLine({ id, ok: false, error: error.toJSON() });
}

function readRequest(line: string) {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new IpoibError("E_IPC_JSON", "Request is not JSON", {
      errno: Errno.EINVAL,
    });
  }
  const request = v.safeParse(RequestSchema, value);
  if (request.success) return request.output;
  const field = v.getDotPath(request.issues[0]) ?? "request";
  throw new IpoibError(
    "E_IPC_REQUEST",
    `Request is wrong at "${field}": ${request.issues[0].message}`,
    { errno: Errno.EINVAL },
  );
}
