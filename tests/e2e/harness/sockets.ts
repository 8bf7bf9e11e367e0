/** Raw connections to the sockets of ipoib, which send arbitrary data. */

import type { Fd } from "../../../src/system/fd.ts";
import { connect, receive, send } from "../../../src/system/unix_socket.ts";
import { until } from "./until.ts";

/** A connection to a SOCK_SEQPACKET socket. */
export class RawConnection implements Disposable {
  readonly #fd: Fd;

  private constructor(fd: Fd) {
    this.#fd = fd;
  }

  static connect(path: string): RawConnection {
    const fd = connect(path);
    if (!fd) throw new Error(`No process listens on ${path}`);
    return new RawConnection(fd);
  }

  /** Sends one message. Returns false if the peer has closed the connection or its receive buffer is full. */
  send(bytes: Uint8Array, fds: readonly number[] = []): boolean {
    return send(this.#fd.number, Uint8Array.from(bytes), fds);
  }

  /**
   * Waits for the next message. The caller owns its descriptors. Returns undefined if the peer has closed the
   * connection.
   */
  async receive(): Promise<{ bytes: Uint8Array; fds: Fd[] } | undefined> {
    const received = await until("a message", () => {
      const received = receive(this.#fd.number);
      return received.type !== "empty" && received;
    });
    return received.type === "message" ? received : undefined;
  }

  [Symbol.dispose](): void {
    this.#fd.close();
  }
}

/** A connection to a control socket, which exchanges lines. */
export class LineConnection implements Disposable {
  readonly #conn: Deno.UnixConn;
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  private constructor(conn: Deno.UnixConn) {
    this.#conn = conn;
    this.#reader = conn.readable.pipeThrough(new TextDecoderStream())
      .getReader();
  }

  static async connect(path: string): Promise<LineConnection> {
    return new LineConnection(await Deno.connect({ transport: "unix", path }));
  }

  /** Writes data. Ignores errors: the peer may close the connection. */
  async write(data: string | Uint8Array<ArrayBuffer>): Promise<void> {
    const bytes = typeof data === "string"
      ? new TextEncoder().encode(data)
      : data;
    try {
      for (let at = 0; at < bytes.length;) {
        at += await this.#conn.write(bytes.subarray(at));
      }
    } catch {
      // The peer has closed the connection.
    }
  }

  /** Waits for the next line and parses it as JSON. Returns undefined at the end of the stream. */
  async read(): Promise<Reply | undefined> {
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
      // The stream has closed the connection.
    }
  }
}

/** A reply of the control socket. */
export interface Reply {
  id: unknown;
  ok: boolean;
  error?: { code: string; message: string };
}
