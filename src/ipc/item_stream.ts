/**
 * The items that a call in progress sends to its client.
 *
 * One line is written at a time; items that are sent meanwhile wait and share the next line, so that a stream of many
 * small items costs few writes. A client that does not read loses the oldest items, not its connection: the next line
 * has the number of those that were dropped before its items.
 */

import type { RequestId } from "./envelope.ts";

/** Bytes of memory charged for a waiting item in addition to its text. */
const OVERHEAD = 64;

const encoder = new TextEncoder();

export class ItemStream {
  readonly #id: RequestId;
  readonly #limit: number;
  readonly #write: (line: Uint8Array) => Promise<void>;
  /** Items as JSON, oldest first. */
  #items: string[] = [];
  #waiting = 0;
  /** Number of items that were dropped since the last line. */
  #lost = 0;
  #writing: Promise<void> | undefined;

  /**
   * @param limit maximum bytes of waiting items
   * @param write resolves when the line is written, or cannot be written
   */
  constructor(
    id: RequestId,
    limit: number,
    write: (line: Uint8Array) => Promise<void>,
  ) {
    this.#id = id;
    this.#limit = limit;
    this.#write = write;
  }

  /** Bytes of memory charged for items that wait for the write of the line before them. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Adds an item. Throws the errors of JSON.stringify. */
  send(item: unknown): void {
    const text = JSON.stringify(item);
    this.#items.push(text);
    this.#waiting += text.length + OVERHEAD;
    while (this.#waiting > this.#limit && this.#items.length > 1) {
      this.#waiting -= this.#items.shift()!.length + OVERHEAD;
      this.#lost++;
    }
    this.#writing ??= this.#run();
  }

  /** Resolves when all items are written, or cannot be written. */
  async sent(): Promise<void> {
    await this.#writing;
  }

  async #run(): Promise<void> {
    while (this.#items.length > 0) await this.#write(this.#take());
    this.#writing = undefined;
  }

  /** Returns the waiting items as a line. */
  #take(): Uint8Array {
    const lost = this.#lost > 0 ? `,"lost":${this.#lost}` : "";
    const line = `{"id":${JSON.stringify(this.#id)},"items":[${
      this.#items.join(",")
    }]${lost}}\n`;
    this.#items = [];
    this.#waiting = this.#lost = 0;
    return encoder.encode(line);
  }
}
