/** Programs inside a network namespace, by way of nsenter(1). */

/** Runs a program to its end and returns what it printed; throws on a failure. */
export async function runInside(
  namespace: string,
  program: string,
  ...args: string[]
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("nsenter", {
    args: [`--net=${namespace}`, program, ...args],
    stdin: "null",
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (!success) {
    throw new Error(
      `${program} failed: ${new TextDecoder().decode(stderr) || text}`,
    );
  }
  return text;
}

/** A program that was started and prints "ready", and ends with its input. */
export class Helper {
  readonly #child: Deno.ChildProcess;
  readonly #output: ReadableStreamDefaultReader<Uint8Array>;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#output = child.stdout.getReader();
  }

  /** Starts a program and returns once it printed its first line. */
  static async start(program: string, args: string[]): Promise<Helper> {
    const helper = new Helper(
      new Deno.Command(program, { args, stdin: "piped", stdout: "piped" })
        .spawn(),
    );
    const { done } = await helper.#output.read();
    if (done) throw new Error(`${program} ended before it was ready`);
    return helper;
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Ends its input and returns what it printed since. */
  async end(): Promise<string> {
    await this.#child.stdin.close();
    const decoder = new TextDecoder();
    let text = "";
    for (;;) {
      const { done, value } = await this.#output.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
    await this.#child.status;
    return text;
  }
}
