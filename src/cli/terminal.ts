/**
 * The terminal of the process in raw mode, on the alternate screen.
 *
 * It must be closed, which restores the mode, the cursor and the former screen. Raw mode delivers Ctrl-C and Ctrl-Z as
 * keys.
 */

import type { Terminal } from "./environment.ts";
import { writeText } from "./output.ts";

const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";
/** A process that still runs this long after it should have stopped was not stopped. */
const RESUME_MS = 200;
/** The size of a terminal that does not report one, as over some serial lines. */
const USUAL = { columns: 80, rows: 24 };

/** Returns the terminal, or undefined if standard input and output are not both one. */
export function openTerminal(): Terminal | undefined {
  if (!Deno.stdin.isTerminal() || !Deno.stdout.isTerminal()) return undefined;
  return new RawTerminal();
}

class RawTerminal implements Terminal {
  #entered = false;
  #resume: ReturnType<typeof setTimeout> | undefined;
  #onChange: () => void = () => {};
  /** After a stop and a continuation by signals, the shell has reset the mode. */
  readonly #onContinue = () => {
    this.#entered = false;
    this.#enter();
    this.#onChange();
  };
  readonly #onResize = () => this.#onChange();

  constructor() {
    this.#enter();
    Deno.addSignalListener("SIGCONT", this.#onContinue);
    Deno.addSignalListener("SIGWINCH", this.#onResize);
  }

  get size() {
    try {
      const { columns, rows } = Deno.consoleSize();
      return columns > 0 && rows > 0 ? { columns, rows } : USUAL;
    } catch {
      return USUAL;
    }
  }

  write(text: string): void {
    writeText(Deno.stdout, text);
  }

  async read(): Promise<string | undefined> {
    const buffer = new Uint8Array(256);
    const length = await Deno.stdin.read(buffer);
    return length === null
      ? undefined
      : new TextDecoder().decode(buffer.subarray(0, length));
  }

  onChange(listener: () => void): void {
    this.#onChange = listener;
  }

  suspend(): void {
    this.#leave();
    Deno.kill(Deno.pid, "SIGTSTP");
    // The kernel ignores the stop if no shell could continue the process.
    this.#resume = setTimeout(() => {
      this.#enter();
      this.#onChange();
    }, RESUME_MS);
  }

  close(): void {
    clearTimeout(this.#resume);
    Deno.removeSignalListener("SIGCONT", this.#onContinue);
    Deno.removeSignalListener("SIGWINCH", this.#onResize);
    this.#leave();
  }

  #enter(): void {
    if (this.#entered) return;
    this.#entered = true;
    Deno.stdin.setRaw(true);
    this.write(ENTER);
  }

  #leave(): void {
    if (!this.#entered) return;
    this.#entered = false;
    this.write(LEAVE);
    try {
      Deno.stdin.setRaw(false);
    } catch {
      // The terminal has gone.
    }
  }
}
