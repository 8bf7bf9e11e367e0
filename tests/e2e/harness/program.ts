/** A child process whose output is recorded. Disposal kills it. */

import { until } from "./until.ts";

export interface ProgramOptions {
  readonly env?: Record<string, string>;
}

export class Program implements AsyncDisposable {
  /** The command line, for messages. */
  readonly title: string;
  readonly pid: number;
  /** Standard output and standard error, in the order of arrival. */
  output = "";
  /** Exit code, or 128 plus the signal number; undefined while the process runs. */
  code: number | undefined;
  readonly #child: Deno.ChildProcess;
  readonly #ended: Promise<void>;
  readonly #readers: ReadableStreamDefaultReader<string>[];
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;

  private constructor(words: readonly string[], options: ProgramOptions) {
    const [program, ...args] = words;
    this.title = words.join(" ");
    this.#child = new Deno.Command(program!, {
      args,
      env: { NO_COLOR: "1", LC_ALL: "C", ...options.env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.pid = this.#child.pid;
    this.#input = this.#child.stdin.getWriter();
    this.#readers = [this.#child.stdout, this.#child.stderr].map((stream) =>
      stream.pipeThrough(new TextDecoderStream()).getReader()
    );
    this.#ended = this.#follow();
  }

  static start(
    words: readonly string[],
    options: ProgramOptions = {},
  ): Program {
    return new Program(words, options);
  }

  get ended(): boolean {
    return this.code !== undefined;
  }

  /** Writes to standard input. Returns false if the process has closed it. */
  async write(text: string): Promise<boolean> {
    try {
      await this.#input.write(new TextEncoder().encode(text));
      return true;
    } catch {
      return false;
    }
  }

  /** Sends a signal, unless the process has ended. */
  kill(signal: Deno.Signal): void {
    if (this.ended) return;
    try {
      this.#child.kill(signal);
    } catch {
      // The process has just ended.
    }
  }

  /** Waits until the output matches. Throws if the process ends before. */
  async prints(pattern: RegExp): Promise<RegExpExecArray> {
    return await until(`${pattern} in the output of ${this.title}`, () => {
      const match = pattern.exec(this.output);
      if (match) return match;
      if (!this.ended) return undefined;
      throw new Error(
        `${this.title}: exit code ${this.code}\n${this.output}`,
      );
    });
  }

  /** Waits until the process executes the program `name`, after wrappers such as `ip netns exec`. */
  async becomes(name: string): Promise<void> {
    const file = `/proc/${this.pid}/comm`;
    await until(`${this.title} to execute ${name}`, async () => {
      return await Deno.readTextFile(file) === `${name}\n`;
    });
  }

  /** Waits until the process ends. Returns the exit code. */
  async exit(limit?: number): Promise<number> {
    const code = await until(
      `the end of ${this.title}`,
      () => this.code === undefined ? undefined : { code: this.code },
      limit,
    );
    return code.code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGKILL");
    await this.#child.status;
    // Children of the process may hold the pipes open.
    for (const reader of this.#readers) await reader.cancel();
    await this.#ended;
    await this.#input.close().catch(() => {});
  }

  async #follow(): Promise<void> {
    const read = async (reader: ReadableStreamDefaultReader<string>) => {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        this.output += value;
      }
    };
    const [status] = await Promise.all([
      this.#child.status,
      ...this.#readers.map(read),
    ]);
    this.code = status.code;
  }
}
