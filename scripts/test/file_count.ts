/** The progress of a suite: the number of each test file before the line with which `deno test` begins it. */

import { withoutColors } from "./outcome.ts";

const BEGINS = "running ";

export class FileCount {
  readonly #total: number | undefined;
  readonly #failed: () => number;
  #file = 0;
  /** The beginning of a line that may begin a file. */
  #held = "";

  /**
   * @param total number of files of the suite, if known
   * @param failed returns the number of tests that have failed
   */
  constructor(total: number | undefined, failed: () => number) {
    this.#total = total;
    this.#failed = failed;
  }

  /** Returns the next piece of output with the numbers. Holds back an incomplete line that may begin a file. */
  take(text: string): string {
    const lines = (this.#held + text).split("\n");
    const last = lines.pop()!;
    // deno-lint-ignore no-control-regex -- a color escape sequence may be cut
    const plain = withoutColors(last).replace(/\x1b\[?[0-9;]*$/, "");
    const waits = last !== "" &&
      (plain.startsWith(BEGINS) || BEGINS.startsWith(plain));
    this.#held = waits ? last : "";
    return lines.map((line) => `${this.#counted(line)}\n`).join("") +
      (waits ? "" : last);
  }

  /** Returns the rest of the output. */
  end(): string {
    return this.#held;
  }

  #counted(line: string): string {
    if (!/^running \d+ tests? from /.test(withoutColors(line))) return line;
    this.#file++;
    const of = this.#total === undefined ? "" : `/${this.#total}`;
    const failed = this.#failed();
    return `[${this.#file}${of}${
      failed > 0 ? `, ${failed} failed` : ""
    }] ${line}`;
  }
}
