/** Runs programs in a network namespace with nsenter(1). */

/** Time limit of a short program, in seconds. */
const SHORT_LIMIT_S = 15;
const REASON_LENGTH = 200;

const ending = new AbortController();

/** Signal that kills the programs in namespaces when a run is interrupted. */
export const interrupted: AbortSignal = ending.signal;

/** Kills all programs in namespaces. */
export function killAll(): void {
  ending.abort();
}

/** Runs a program for at most 15 s and returns its standard output. Throws an Error if it fails. */
export async function runInside(
  namespace: string,
  program: string,
  ...args: string[]
): Promise<string> {
  return await runFor(0, namespace, program, ...args);
}

/** Like {@linkcode runInside}, for a program that takes `seconds`. */
export async function runFor(
  seconds: number,
  namespace: string,
  program: string,
  ...args: string[]
): Promise<string> {
  const limit = seconds + SHORT_LIMIT_S;
  const late = AbortSignal.timeout(1000 * limit);
  const { success, stdout, stderr } = await new Deno.Command("nsenter", {
    args: [`--net=${namespace}`, program, ...args],
    stdin: "null",
    signal: AbortSignal.any([late, interrupted]),
  }).output();
  if (late.aborted) {
    throw new Error(`${program} did not exit within ${limit} s`);
  }
  const text = new TextDecoder().decode(stdout);
  if (!success) {
    // The reason is at the end of the output.
    const output = (new TextDecoder().decode(stderr) || text).trim();
    throw new Error(`${program} failed: ${output.slice(-REASON_LENGTH)}`);
  }
  return text;
}

/** A program in the background that prints a line when it is ready and exits at the end of its input. */
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

  /** Starts a program and waits for its first line. Throws an Error if it exits before. */
  static async start(program: string, args: string[]): Promise<Helper> {
    const helper = new Helper(
      new Deno.Command(program, { args, stdin: "piped", stdout: "piped" })
        .spawn(),
    );
    const ready = await helper.#line();
    if (ready === undefined) {
      throw new Error(`${program} exited before it was ready`);
    }
    helper.#ready = ready;
    return helper;
  }

  /** The first line, which begins with "ready". */
  get ready(): string {
    return this.#ready;
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Sends a line to the program, an empty one by default, and returns the line that it answers. */
  async query(request = ""): Promise<string> {
    await this.#input.write(new TextEncoder().encode(`${request}\n`));
    const line = await this.#line();
    if (line === undefined) {
      throw new Error("A program of the benchmark exited before it answered");
    }
    return line;
  }

  /** Closes the input and waits until the program exits. */
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

/** Waits for `ms` milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
