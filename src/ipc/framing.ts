/**
 * Framing of newline-delimited JSON, with a limit on the length of a line that is checked before the line is stored.
 *
 * A line ends with a newline (0x0a). White space at both ends of a line is removed, and empty lines are skipped.
 */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";

const NEWLINE = 0x0a;
const encoder = new TextEncoder();

/** Splits a byte stream into lines of at most `limit` bytes. */
export class LineSplitter {
  readonly #limit: number;
  readonly #decoder = new TextDecoder();
  #held: Uint8Array[] = [];
  #heldLength = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes of the incomplete line at the end of the stream. */
  get pending(): number {
    return this.#heldLength;
  }

  /**
   * Yields the lines that `chunk` completes. The caller may reuse `chunk` afterwards.
   *
   * Throws `E_IPC_TOO_LARGE` (EMSGSIZE) if a line exceeds the limit, after yielding the lines before it. The splitter
   * must not be used afterwards.
   */
  *push(chunk: Uint8Array): Generator<string, void> {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      const length = (end < 0 ? chunk.length : end) - start;
      if (this.#heldLength + length > this.#limit) throw this.#tooLarge();
      if (end < 0) break;
      const line = this.#take(chunk.subarray(start, end));
      if (line !== "") yield line;
      start = end + 1;
    }
    if (start < chunk.length) {
      this.#held.push(chunk.slice(start));
      this.#heldLength += chunk.length - start;
    }
  }

  #take(tail: Uint8Array): string {
    let bytes = tail;
    if (this.#heldLength > 0) {
      bytes = new Uint8Array(this.#heldLength + tail.length);
      let at = 0;
      for (const part of this.#held) {
        bytes.set(part, at);
        at += part.length;
      }
      bytes.set(tail, at);
      this.#held = [];
      this.#heldLength = 0;
    }
    return this.#decoder.decode(bytes).trim();
  }

  #tooLarge(): IpoibError {
    this.#held = [];
    return new IpoibError(
      "E_IPC_TOO_LARGE",
      `Line on the control socket is longer than ${this.#limit} bytes`,
      {
        errno: Errno.EMSGSIZE,
        hint: "send shorter messages, one per line",
      },
    );
  }
}

/** Encodes a message as a line with its newline. Throws the errors of JSON.stringify. */
export function encodeLine(message: unknown): Uint8Array {
  return encoder.encode(`${JSON.stringify(message)}\n`);
}

/** Writes all of `bytes`, with as many calls as necessary. */
export async function writeAll(
  writer: { write(bytes: Uint8Array): Promise<number> },
  bytes: Uint8Array,
): Promise<void> {
  let at = 0;
  while (at < bytes.length) at += await writer.write(bytes.subarray(at));
}
