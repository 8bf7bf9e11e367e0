/** The demo succeeds within its time limit, and removes its files and processes even after a signal. */

import { assertEquals, assertLess, assertMatch } from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import { DEMO_PERMISSIONS } from "../../scripts/program.ts";
import { processesWith } from "../e2e/harness/files.ts";

const LIMIT_MS = 30_000;
const DEMO = new URL("../../scripts/demo.ts", import.meta.url).pathname;

/** A run of the demo with its own temporary directory. */
class Demo implements AsyncDisposable {
  readonly #folder: string;
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  text = "";

  private constructor(folder: string) {
    this.#folder = folder;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", ...DEMO_PERMISSIONS, DEMO],
      env: { TMPDIR: folder, NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
    }).spawn();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
  }

  static async start(): Promise<Demo> {
    return new Demo(await Deno.makeTempDir({ prefix: "ipoib-demo-test-" }));
  }

  /** Reads output until it matches, or until its end. */
  async read(until?: RegExp): Promise<void> {
    while (!until?.test(this.text)) {
      const { done, value } = await this.#lines.read();
      if (done) return;
      this.text += value;
    }
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  async exitCode(): Promise<number> {
    return (await this.#child.status).code;
  }

  /** Returns the files in its temporary directory, and the PIDs of processes with this TMPDIR. */
  leftovers(): string[] {
    const files = [...Deno.readDirSync(this.#folder)].map(({ name }) => name);
    return [...files, ...processesWith("TMPDIR", this.#folder).map(String)];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.kill("SIGKILL");
    } catch {
      // The process has exited.
    }
    await this.#child.status;
    await this.#lines.cancel();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

Deno.test("The demo prints addresses, round trips and throughput in both directions, and exits within its time limit", async () => {
  await using demo = await Demo.start();
  await demo.read(/\n/);
  const start = performance.now();
  await demo.read();
  assertEquals(await demo.exitCode(), 0, demo.text);
  assertLess(performance.now() - start, patient(LIMIT_MS));
  const addresses = demo.text.match(/\b(?:[0-9a-f]{2}:){19}[0-9a-f]{2}\b/g);
  assertEquals(new Set(addresses).size, 3);
  for (const [from, to] of [["alpha", "beta"], ["beta", "alpha"]]) {
    // Minimum, mean and maximum round trip time, and throughput.
    assertMatch(
      demo.text,
      new RegExp(`^\\s*${from} +${to}(?: +\\d+\\.\\d+){4}$`, "m"),
    );
  }
  assertEquals(demo.leftovers(), []);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`The demo removes its files and processes after two ${signal} signals`, async () => {
    await using demo = await Demo.start();
    await demo.read(/ -> /);
    demo.kill(signal);
    demo.kill(signal);
    await demo.read();
    assertEquals(await demo.exitCode(), signal === "SIGINT" ? 130 : 143);
    assertEquals(demo.leftovers(), []);
  });
}
