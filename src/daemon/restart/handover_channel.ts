/**
 * Connection between a process with interfaces and the process that takes them over: a SOCK_SEQPACKET socket in the
 * runtime directory. Each message is a JSON object, some with descriptors.
 *
 * | message     | from | contents                                                                                    |
 * |-------------|------|---------------------------------------------------------------------------------------------|
 * | `hello`     | new  | the version of the program, its PID, and the formats of records that it reads                |
 * | `process`   | old  | what the processes share; descriptors: standard error, the connection of the front if any    |
 * | `interface` | old  | one interface; descriptor: the namespace of the parent                                       |
 * | `ready`     | new  | has started, and the interfaces can be released                                              |
 * | `text`      | old  | a part of the record of an interface                                                         |
 * | `devices`   | old  | labels of devices of an interface; their descriptors in the same order                       |
 * | `released`  | old  | the end of the records of all interfaces                                                     |
 * | `running`   | new  | has taken over                                                                              |
 * | `accepted`  | old  | ends, or becomes the front                                                                  |
 * | `refused`   | old  | goes on, and waits until the new process has closed everything (`failed`)                    |
 * | `failed`    | new  | has closed everything; the old process goes on, as it does if the connection closes          |
 * | `ended`     | new  | to the front: exit code                                                                      |
 */

import * as v from "valibot";
import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import type { Millis } from "../../base/units.ts";
import type { Fd } from "../../system/fd.ts";
import { receive, send } from "../../system/unix_socket.ts";

/** Maximum number of descriptors in a message: the limit of system/unix_socket.ts. */
export const MAX_DEVICES = 8;
/** Maximum length of text in a message, in UTF-16 code units. A message then fits the limit of system/unix_socket.ts. */
export const MAX_TEXT = 16 * 1024;
const STEP_MS: Millis = 2;

const HcaSchema = v.variant("kind", [
  v.object({ kind: v.literal("soft"), subnet: v.string() }),
  v.object({
    kind: v.literal("verbs"),
    device: v.string(),
    port: v.number(),
    roce: v.exactOptional(v.literal(true)),
  }),
]);

const MessageSchema = v.variant("type", [
  v.object({
    type: v.literal("hello"),
    version: v.string(),
    pid: v.number(),
    formats: v.array(v.number()),
  }),
  v.object({
    type: v.literal("process"),
    pid: v.number(),
    version: v.string(),
    interfaces: v.number(),
    /** Path of the service manager's socket. */
    notifySocket: v.exactOptional(v.string()),
    /** `JOURNAL_STREAM` of standard error. */
    journalStream: v.exactOptional(v.string()),
    /** True if the old process stays as the front of the new one (front.ts). */
    front: v.boolean(),
  }),
  v.object({
    type: v.literal("interface"),
    /** Name with which the interface was started. */
    name: v.string(),
    hca: HcaSchema,
    /** GUID of the port, in hexadecimal digits. */
    guid: v.string(),
    /** True if the interface was running. */
    running: v.boolean(),
  }),
  v.object({ type: v.literal("ready") }),
  v.object({
    type: v.literal("text"),
    name: v.string(),
    text: v.string(),
  }),
  v.object({
    type: v.literal("devices"),
    name: v.string(),
    labels: v.array(v.string()),
  }),
  v.object({ type: v.literal("released") }),
  v.object({
    type: v.literal("running"),
    pid: v.number(),
    version: v.string(),
  }),
  v.object({ type: v.literal("accepted") }),
  v.object({ type: v.literal("refused"), message: v.string() }),
  v.object({ type: v.literal("failed"), message: v.string() }),
  v.object({ type: v.literal("ended"), code: v.number() }),
]);
export type HandoverMessage = v.InferOutput<typeof MessageSchema>;

/** A received message of one type, and its descriptors, which the receiver owns. */
export interface Received<T extends HandoverMessage["type"]> {
  readonly message: Extract<HandoverMessage, { type: T }>;
  readonly fds: readonly Fd[];
}

export class HandoverChannel implements Disposable {
  readonly #fd: Fd;

  constructor(fd: Fd) {
    this.#fd = fd;
  }

  /** The descriptor of the connection. */
  get fd(): number {
    return this.#fd.number;
  }

  /** Sends a message. Waits while the queue is full. Throws `E_HANDOVER` if the peer does not take it in time. */
  async send(
    message: HandoverMessage,
    fds: readonly number[] = [],
    limit: Millis = 5000,
  ): Promise<void> {
    const bytes = new TextEncoder().encode(JSON.stringify(message));
    const end = performance.now() + limit;
    while (!send(this.#fd.number, bytes, fds)) {
      if (performance.now() > end) throw failure("does not read", message.type);
      await pause();
    }
  }

  /**
   * Receives the next message, which must be one of `types`. Throws `E_HANDOVER` if the peer has closed, refuses the
   * takeover, sends another message, or sends nothing for `limit` milliseconds; and what `check` throws, which is called
   * regularly.
   */
  async receive<T extends HandoverMessage["type"]>(
    types: readonly T[],
    limit: Millis,
    check = () => {},
  ): Promise<Received<T>> {
    const end = performance.now() + limit;
    for (;;) {
      check();
      const found = this.poll(types);
      if (found) return found;
      if (performance.now() > end) {
        throw failure("did not answer", types.join(" or "));
      }
      await pause();
    }
  }

  /** Returns the next message if there is one. Throws as {@linkcode receive} does. */
  poll<T extends HandoverMessage["type"]>(
    types: readonly T[],
  ): Received<T> | undefined {
    const received = receive(this.#fd.number);
    if (received.type === "empty") return undefined;
    if (received.type === "closed") throw failure("ended", types.join(" or "));
    const { bytes, fds } = received;
    const parsed = v.safeParse(MessageSchema, parse(bytes));
    if (parsed.success && types.some((type) => type === parsed.output.type)) {
      return { message: parsed.output as Received<T>["message"], fds };
    }
    for (const fd of fds) fd.close();
    if (parsed.success && parsed.output.type === "refused") {
      throw new IpoibError("E_HANDOVER", parsed.output.message);
    }
    throw failure("sent an unknown message", types.join(" or "));
  }

  [Symbol.dispose](): void {
    this.#fd.close();
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, STEP_MS));
}

function failure(what: string, message: string): IpoibError {
  return new IpoibError(
    "E_HANDOVER",
    `The other process ${what} during the takeover (message ${message})`,
    { errno: Errno.ECONNRESET },
  );
}
