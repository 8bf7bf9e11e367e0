/**
 * A line about work in progress: redrawn on a terminal, otherwise a line for each change.
 */

import { writeAll } from "./log_line.ts";

export interface StatusLineOptions {
  write: (text: string) => void;
  /** Width of the terminal; undefined for a pipe or a file. */
  columns: number | undefined;
}

const CLEAR = "\r\x1b[K";

export class StatusLine {
  readonly #write: (text: string) => void;
  readonly #columns: number | undefined;
  #shown = "";
  /** The last line written to a pipe. */
  #written = "";

  constructor({ write, columns }: StatusLineOptions) {
    this.#write = write;
    this.#columns = columns;
  }

  /** True if the line is redrawn. */
  get isTerminal(): boolean {
    return this.#columns !== undefined;
  }

  /**
   * Shows `text`.
   *
   * @param suffix shown on a terminal only: a part that changes often, such as the elapsed time
   */
  show(text: string, suffix = ""): void {
    if (this.#columns === undefined) {
      if (text !== this.#written) this.#write(`${text}\n`);
      this.#written = text;
      return;
    }
    // The last column stays empty: some terminals wrap the line after it.
    this.#shown = cut(text, this.#columns - 1 - suffix.length) + suffix;
    this.#write(CLEAR + this.#shown);
  }

  /** Writes whole lines above the line. */
  print(lines: string): void {
    if (this.#shown === "") this.#write(lines);
    else this.#write(`${CLEAR}${lines}${this.#shown}`);
  }

  /** Removes the line from a terminal. */
  clear(): void {
    if (this.#shown !== "") this.#write(CLEAR);
    this.#shown = "";
  }
}

/** Returns the options for a standard stream. */
export function statusOptions(
  stream: typeof Deno.stderr,
): StatusLineOptions {
  return {
    write: (text) => {
      try {
        writeAll(stream, text);
      } catch {
        // The reader has ended. The work goes on.
      }
    },
    columns: stream.isTerminal() ? columnsOf() : undefined,
  };
}

function columnsOf(): number {
  const usual = 80;
  try {
    return Deno.consoleSize().columns || usual;
  } catch {
    return usual;
  }
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 3)}...`;
}
