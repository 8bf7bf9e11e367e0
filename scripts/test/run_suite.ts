/** Runs one suite: a `deno test` that is ended when it hangs, and leaves nothing behind. */

import { type Cleanup, endChild } from "../cleanup.ts";
import { SLOWNESS } from "../machine.ts";
import { isolated, withParentDeath } from "./isolation.ts";
import { type Outcome, OutcomeReader } from "./outcome.ts";
import type { Suite } from "./suites.ts";

export interface RunOptions {
  /** More options of `deno test`. */
  readonly options: readonly string[];
  /** In namespaces of its own. */
  readonly isolate: boolean;
  /** How much slower the machine is than usual. */
  readonly slowness: number;
  /** A suite hangs when no test has finished for so long, times the slowness. */
  readonly silenceMs: number;
  /** Takes the output as it comes. */
  readonly say: (text: string) => void;
  /** Ends the suite when the run is ended before. */
  readonly cleanup: Cleanup;
}

const CHECK_INTERVAL_MS = 500;

/** Runs it to its end. A suite that hangs has one failure more, and the test that was running is printed. */
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
    // Tests of colours would see the wish of the caller.
    env: { NO_COLOR: "", [SLOWNESS]: String(slowness) },
    stdout: "piped",
    stdin: "null",
  }).spawn();
  cleanup.add(() => endChild(child, "SIGKILL"));
  const reader = new OutcomeReader();
  const silence = new Silence(silenceMs * slowness);
  let hung: string | undefined;
  const watch = setInterval(() => {
    if (!silence.over(reader.progress, performance.now())) return;
    hung = reader.running ?? "no test";
    clearInterval(watch);
    endChild(child, "SIGKILL");
  }, CHECK_INTERVAL_MS);
  const decoder = new TextDecoder();
  for await (const bytes of child.stdout) {
    const text = decoder.decode(bytes, { stream: true });
    say(text);
    reader.take(text);
  }
  const { success } = await child.status;
  clearInterval(watch);
  const outcome = reader.outcome(success && hung === undefined);
  if (hung !== undefined) {
    const seconds = Math.round(silence.limitMs / 1000);
    say(`\nEnded: no test finished for ${seconds} s; running was: ${hung}\n`);
  }
  return outcome;
}

/** No progress for a while. */
export class Silence {
  readonly limitMs: number;
  #progress = 0;
  #since: number | undefined;

  constructor(limitMs: number) {
    this.limitMs = limitMs;
  }

  /** True if nothing was added to `progress` for longer than the limit. */
  over(progress: number, now: number): boolean {
    if (this.#since === undefined || progress !== this.#progress) {
      this.#since = now;
      this.#progress = progress;
    }
    return now - this.#since > this.limitMs;
  }
}
