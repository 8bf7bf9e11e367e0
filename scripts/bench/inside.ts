/** Programs inside a network namespace, by way of nsenter(1). */

/** Time for a program that is done at once. */
const SHORT_LIMIT = 15;
const REASON_LENGTH = 200;

const ending = new AbortController();

/** Aborted when a run is cut short: whatever was started inside a namespace then ends. */
export const cutShort: AbortSignal = ending.signal;

/** Ends every program that still runs inside a namespace. */
export function endAll(): void {
  ending.abort();
}

/** Runs a program to its end, within 15 s, and returns what it printed; throws on a failure. */
export async function runInside(
  namespace: string,
  program: string,
  ...args: string[]
): Promise<string> {
  return await runFor(0, namespace, program, ...args);
}

/** Runs a program that takes `seconds`, and 15 s at most beyond that. */
export async function runFor(
  seconds: number,
  namespace: string,
  program: string,
  ...args: string[]
): Promise<string> {
  const limit = seconds + SHORT_LIMIT;
  const late = AbortSignal.timeout(1000 * limit);
  const { success, stdout, stderr } = await new Deno.Command("nsenter", {
    args: [`--net=${namespace}`, program, ...args],
    stdin: "null",
    signal: AbortSignal.any([late, cutShort]),
  }).output();
  if (late.aborted) {
    throw new Error(`${program} did not end within ${limit} s`);
  }
  const text = new TextDecoder().decode(stdout);
  if (!success) {
    // The reason is in the last words, also of a long report.
    const said = (new TextDecoder().decode(stderr) || text).trim();
    throw new Error(`${program} failed: ${said.slice(-REASON_LENGTH)}`);
  }
  return text;
}

/** A program that was started and prints a line that begins with "ready", and ends with its input. */
export class Helper {
  readonly #child: Deno.ChildProcess;
  readonly #output: ReadableStreamDefaultReader<string>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  #rest = "";
  #ready = "";

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#output = child.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
    this.#input = child.stdin.getWriter();
  }

  /** Starts a program and returns once it printed its first line. */
  static async start(program: string, args: string[]): Promise<Helper> {
    const helper = new Helper(
      new Deno.Command(program, { args, stdin: "piped", stdout: "piped" })
        .spawn(),
    );
    const ready = await helper.#line();
    if (ready === undefined) {
      throw new Error(`${program} ended before it was ready`);
    }
    helper.#ready = ready;
    return helper;
  }

  /** The line with which it said so. */
  get ready(): string {
    return this.#ready;
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Gives it an empty line and returns the line that it answers. */
  async ask(): Promise<string> {
    await this.#input.write(Uint8Array.of(10));
    const line = await this.#line();
    if (line === undefined) throw new Error("A program of the bench ended");
    return line;
  }

  /** Ends its input, and with that the program. */
  async end(): Promise<void> {
    await this.#input.close();
    await this.#output.cancel();
    await this.#child.status;
  }

  async #line(): Promise<string | undefined> {
    for (;;) {
      const end = this.#rest.indexOf("\n");
      if (end >= 0) {
        const line = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 1);
        return line;
      }
      const { done, value } = await this.#output.read();
      if (done) return undefined;
      this.#rest += value;
    }
  }
}

/** Waits. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
