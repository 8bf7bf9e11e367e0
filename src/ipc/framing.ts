/**
 * Newline-delimited JSON: bytes in, lines out, with a limit that holds before memory is spent.
 *
 * A line is everything up to a newline (0x0a), which is not part of it; a carriage return before it is dropped,
 * blank lines are skipped.
 */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";

const NEWLINE = 0x0a;
const encoder = new TextEncoder();

/** Cuts a stream of bytes into lines of at most `limit` bytes. */
export class LineSplitter {
  readonly #limit: number;
  readonly #decoder = new TextDecoder();
  #held: Uint8Array[] = [];
  #heldLength = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes of a line that is not complete yet. */
  get pending(): number {
    return this.#heldLength;
  }

  /**
   * The lines that `chunk` completes. The chunk is copied where it is kept.
   *
   * Throws `E_IPC_TOO_LARGE` once a line is longer than the limit; the lines before it are yielded first,
   * and the splitter is of no use afterwards.
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
      `Line of the control socket is longer than ${this.#limit} bytes`,
      {
        errno: Errno.EMSGSIZE,
        hint: "send smaller messages, each on a line of its own",
      },
    );
  }
}

/** One message as a line. Throws what JSON.stringify throws. */
export function encodeLine(message: unknown): Uint8Array {
  return encoder.encode(`${JSON.stringify(message)}\n`);
}

/** Writes all of `bytes`. */
export async function writeAll(
  writer: { write(bytes: Uint8Array): Promise<number> },
  bytes: Uint8Array,
): Promise<void> {
  let at = 0;
  while (at < bytes.length) at += await writer.write(bytes.subarray(at));
}
