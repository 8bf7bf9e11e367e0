/** The demo shows the main job within its time, and leaves nothing behind, however it ends. */

import { assertEquals, assertLess, assertMatch } from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import { DEMO_PERMISSIONS } from "../../scripts/program.ts";
import { processesWith } from "../e2e/harness/files.ts";

const LIMIT_MS = 30_000;
const DEMO = new URL("../../scripts/demo.ts", import.meta.url).pathname;

/** A run of the demo that keeps its files in a folder of its own. */
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

  /** Reads on until the text matches, or to the end. */
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

  /** What it left: files of its folder, and processes that were started with it as their TMPDIR. */
  leftovers(): string[] {
    const files = [...Deno.readDirSync(this.#folder)].map(({ name }) => name);
    return [...files, ...processesWith("TMPDIR", this.#folder).map(String)];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#child.status;
    await this.#lines.cancel();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

Deno.test("The demo shows addresses, pings and streams both ways, and ends in time", async () => {
  await using demo = await Demo.start();
  await demo.read(/\n/);
  const start = performance.now();
  await demo.read();
  assertEquals(await demo.exitCode(), 0, demo.text);
  assertLess(performance.now() - start, patient(LIMIT_MS));
  const addresses = demo.text.match(/\b(?:[0-9a-f]{2}:){19}[0-9a-f]{2}\b/g);
  assertEquals(new Set(addresses).size, 3);
  for (const [from, to] of [["alpha", "beta"], ["beta", "alpha"]]) {
    // Minimum, mean and maximum of the round trips, and the throughput.
    assertMatch(
      demo.text,
      new RegExp(`^\\s*${from} +${to}(?: +\\d+\\.\\d+){4}$`, "m"),
    );
  }
  assertEquals(demo.leftovers(), []);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`The demo leaves nothing behind when ${signal} arrives twice`, async () => {
    await using demo = await Demo.start();
    await demo.read(/ -> /);
    demo.kill(signal);
    demo.kill(signal);
    await demo.read();
    assertEquals(await demo.exitCode(), signal === "SIGINT" ? 130 : 143);
    assertEquals(demo.leftovers(), []);
  });
}
