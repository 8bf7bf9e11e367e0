/**
 * A lab: an isolated test environment with its own runtime directory and network namespaces. Labs do not affect each
 * other or other processes of ipoib on the machine. On disposal, a lab ends all processes that it started.
 */

import { programCommand } from "../../../scripts/program.ts";
import { must, type Outcome, run } from "./command.ts";
import { Host } from "./host.ts";
import { processesWith, runs } from "./files.ts";
import { Program } from "./program.ts";
import { checkStatistics } from "./statistics.ts";
import { until } from "./until.ts";

let namespacesCreated = 0;

export class Lab implements AsyncDisposable {
  /** `IPOIB_RUNTIME_DIR` of all processes of the lab. */
  readonly runtime: string;
  readonly #programs: Program[] = [];
  readonly #namespaces: string[] = [];
  readonly #hosts: Host[] = [];

  private constructor(runtime: string) {
    this.runtime = runtime;
  }

  static async open(): Promise<Lab> {
    return new Lab(await Deno.makeTempDir({ prefix: "ipoib-e2e-" }));
  }

  get env(): Record<string, string> {
    // The configuration files of this host do not matter.
    return {
      IPOIB_RUNTIME_DIR: this.runtime,
      IPOIB_CONFIG_DIR: `${this.runtime}/etc`,
    };
  }

  /** Creates a network namespace whose loopback interface is up. Returns its name. */
  async namespace(): Promise<string> {
    const name = `ipoib-e2e-${Deno.pid}-${namespacesCreated++}`;
    await must(["ip", "netns", "add", name]);
    this.#namespaces.push(name);
    await must(["ip", "-n", name, "link", "set", "lo", "up"]);
    return name;
  }

  /** Creates hosts without interfaces. Their addresses are 10.9.0.1, 10.9.0.2 and so on. */
  async hosts<N extends number>(count: N): Promise<Many<Host, N>> {
    const hosts: Host[] = [];
    for (let i = 0; i < count; i++) {
      hosts.push(
        new Host(
          this,
          await this.namespace(),
          `10.9.0.${this.#namespaces.length}`,
        ),
      );
    }
    this.#hosts.push(...hosts);
    return hosts as Many<Host, N>;
  }

  /** Creates hosts and brings up their interfaces concurrently. */
  async running<N extends number>(
    count: N,
    args: readonly string[] = [],
  ): Promise<Many<Host, N>> {
    const hosts = await this.hosts(count);
    await Promise.all((hosts as Host[]).map((host) => host.up({ args })));
    return hosts;
  }

  /** Starts a program with the runtime directory of the lab. */
  start(words: readonly string[]): Program {
    const program = Program.start(words, { env: this.env });
    this.#programs.push(program);
    return program;
  }

  /** Runs `ipoib WORDS...`. */
  ipoib(...words: string[]): Promise<Outcome> {
    return run([...programCommand(), ...words], { env: this.env });
  }

  /** Returns diagnostics for a failed test: the output of all programs, and the state of all interfaces. */
  async report(): Promise<string> {
    const programs = this.#programs.map(({ title, pid, code, output }) =>
      `--- ${title} (pid ${pid}, ${
        code === undefined ? "running" : `exit code ${code}`
      })\n${output}`
    );
    const interfaces = await Promise.all(
      this.#hosts.map(async (host) =>
        `--- ${host.namespace}: ${await host.inspect()}\n`
      ),
    );
    return [...programs, ...interfaces].join("");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of this.#programs) {
      await program[Symbol.asyncDispose]();
    }
    // A process in the background is not a child of this one. It is identified by its runtime directory.
    for (const pid of processesWith("IPOIB_RUNTIME_DIR", this.runtime)) {
      try {
        Deno.kill(pid, "SIGKILL");
      } catch {
        // The process has just ended.
      }
      await until(`the end of process ${pid}`, () => !runs(pid));
    }
    for (const name of this.#namespaces) {
      await run(["ip", "netns", "del", name]);
    }
    await Deno.remove(this.runtime, { recursive: true });
  }
}

/** A tuple of N elements for N up to 3, otherwise an array. */
export type Many<T, N extends number> = N extends 1 ? [T]
  : N extends 2 ? [T, T]
  : N extends 3 ? [T, T, T]
  : T[];

/**
 * Registers a test with its own lab. At the end, the counters of all interfaces must add up. If the test fails,
 * {@linkcode Lab.report} is printed.
 */
export function labTest(
  name: string,
  body: (lab: Lab) => Promise<void>,
  options: { ignore?: boolean } = {},
): void {
  Deno.test({
    name,
    ...options,
    fn: async () => {
      await using lab = await Lab.open();
      try {
        await body(lab);
        await checkStatistics(lab.runtime);
      } catch (error) {
        Deno.stderr.writeSync(
          new TextEncoder().encode(`\n${await lab.report()}\n`),
        );
        throw error;
      }
    },
  });
}
