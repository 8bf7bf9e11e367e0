/** Runs a suite with `deno test`, which is killed if it hangs. */

import { type Cleanup, endChild } from "../cleanup.ts";
import { SLOWNESS } from "../machine.ts";
import { FileCount } from "./file_count.ts";
import { isolated, withParentDeath } from "./isolation.ts";
import { type Outcome, OutcomeReader } from "./outcome.ts";
import type { Suite } from "./suites.ts";

export interface RunOptions {
  /** Additional options of `deno test`. */
  readonly options: readonly string[];
  /** True to run the suite in separate namespaces. */
  readonly isolate: boolean;
  /** Slowness of the machine (machine.ts). */
  readonly slowness: number;
  /** A suite hangs if no test finishes in this time, multiplied by the slowness. */
  readonly silenceMs: number;
  /** Prints the output as it arrives. */
  readonly say: (text: string) => void;
  /** Kills the suite if the run is interrupted. */
  readonly cleanup: Cleanup;
}

const CHECK_INTERVAL_MS = 500;

/** Runs a suite and returns its result. A hang counts as a failure; `say` receives the name of the hung test. */
export async function runSuite(
  suite: Suite,
  { options, isolate, slowness, silenceMs, say, cleanup }: RunOptions,
): Promise<Outcome> {
  const words = [
    ...[Deno.execPath(), "test", "--no-check"],
    ...[...suite.permissions, ...options, ...suite.paths],
  ];
  const [program, ...args] = isolate
    ? isolated(words, slowness)
    : withParentDeath(words);
  const child = new Deno.Command(program!, {
    args,
    // The caller's NO_COLOR would affect tests of colors.
    env: { NO_COLOR: "", [SLOWNESS]: String(slowness) },
    stdout: "piped",
    stdin: "null",
  }).spawn();
  cleanup.add(() => endSuite(child));
  const reader = new OutcomeReader();
  const silence = new Silence(silenceMs * slowness);
  let hung: string | undefined;
  const watch = setInterval(() => {
    if (!silence.over(reader.progress, performance.now())) return;
    hung = reader.running ?? "no test";
    clearInterval(watch);
    endSuite(child);
  }, CHECK_INTERVAL_MS);
  const files = new FileCount(suite.files, () => reader.failed);
  const decoder = new TextDecoder();
  for await (const bytes of child.stdout) {
    const text = decoder.decode(bytes, { stream: true });
    say(files.take(text));
    reader.take(text);
  }
  say(files.end());
  const { success } = await child.status;
  clearInterval(watch);
  const outcome = reader.outcome(success && hung === undefined);
  if (hung === undefined) return outcome;
  const seconds = Math.round(silence.limitMs / 1000);
  const why =
    `Killed: no test finished for ${seconds} s; running test: ${hung}`;
  say(`\n${why}\n`);
  return { ...outcome, errors: [...outcome.errors, why] };
}

/**
 * Kills the process of a suite after its children: the first process of a PID namespace takes all others with it. The
 * signal that the kernel sends it when `unshare` ends has been seen to be missing.
 */
async function endSuite(child: Deno.ChildProcess): Promise<void> {
  for (const pid of childrenOf(child.pid)) {
    try {
      Deno.kill(pid, "SIGKILL");
    } catch {
      // It has already exited.
    }
  }
  await endChild(child, "SIGKILL");
}

function childrenOf(pid: number): number[] {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`);
    return text.split(" ").filter((word) => word !== "").map(Number);
  } catch {
    return [];
  }
}

/** Detects a lack of progress. */
export class Silence {
  readonly limitMs: number;
  #progress = 0;
  #since: number | undefined;

  constructor(limitMs: number) {
    this.limitMs = limitMs;
  }

  /** Returns true if `progress` has not changed for longer than the limit. */
  over(progress: number, now: number): boolean {
    if (this.#since === undefined || progress !== this.#progress) {
      this.#since = now;
      this.#progress = progress;
    }
    return now - this.#since > this.limitMs;
  }
}
