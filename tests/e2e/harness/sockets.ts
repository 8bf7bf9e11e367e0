/** A stranger's ends of the program's sockets: says anything, listens with patience. */

import type { Fd } from "../../../src/system/fd.ts";
import { connect, receive, send } from "../../../src/system/unix_socket.ts";
import { until } from "./until.ts";

/** A connection to one of the SOCK_SEQPACKET sockets. */
export class Stranger implements Disposable {
  readonly #fd: Fd;

  private constructor(fd: Fd) {
    this.#fd = fd;
  }

  static connect(path: string): Stranger {
    const fd = connect(path);
    if (!fd) throw new Error(`Nobody listens at ${path}`);
    return new Stranger(fd);
  }

  /** Sends one message; false if the other side hung up or takes no more. */
  send(bytes: Uint8Array, fds: readonly number[] = []): boolean {
    return send(this.#fd.number, Uint8Array.from(bytes), fds);
  }

  /** The next message, whose descriptors are the caller's; undefined if the other side hung up. */
  async receive(): Promise<{ bytes: Uint8Array; fds: Fd[] } | undefined> {
    const received = await until("an answer", () => {
      const received = receive(this.#fd.number);
      return received.type !== "empty" && received;
    });
    return received.type === "message" ? received : undefined;
  }

  [Symbol.dispose](): void {
    this.#fd.close();
  }
}

/** A connection to a control socket, with lines. */
export class Lines implements Disposable {
  readonly #conn: Deno.UnixConn;
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  private constructor(conn: Deno.UnixConn) {
    this.#conn = conn;
    this.#reader = conn.readable.pipeThrough(new TextDecoderStream())
      .getReader();
  }

  static async connect(path: string): Promise<Lines> {
    return new Lines(await Deno.connect({ transport: "unix", path }));
  }

  /** Writes; what the other side no longer takes is lost. */
  async write(data: string | Uint8Array<ArrayBuffer>): Promise<void> {
    const bytes = typeof data === "string"
      ? new TextEncoder().encode(data)
      : data;
    try {
      for (let at = 0; at < bytes.length;) {
        at += await this.#conn.write(bytes.subarray(at));
      }
    } catch {
      // It hung up.
    }
  }

  /** The next line as JSON, or undefined at the end. */
  async read(): Promise<Answer | undefined> {
    while (!this.#text.includes("\n")) {
      const { done, value } = await this.#reader.read().catch(() => ({
        done: true,
        value: "",
      }));
      if (done) return undefined;
      this.#text += value;
    }
    const end = this.#text.indexOf("\n");
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 1);
    return JSON.parse(line);
  }

  [Symbol.dispose](): void {
    this.#reader.cancel().catch(() => {});
    try {
      this.#conn.close();
    } catch {
      // Closed with its stream.
    }
  }
}

export interface Answer {
  id: unknown;
  ok: boolean;
  error?: { code: string; message: string };
}
