/** What the interfaces of a starting process wait for, as shown by `ipoib up --background`. */

import type { StatusLine } from "../base/status_line.ts";
import { IpcClient } from "../ipc/client.ts";
import { inodeOfSocket } from "../ipc/locate.ts";
import { RUNNING } from "../ipc/schema.ts";

/** Time before a change is shown, so that a usual start prints nothing. */
const DELAY_MS = 2000;
/** Interval of the redraws, which show the elapsed time. */
const REDRAW_MS = 1000;
/** Interval of the attempts to connect to a control socket that does not exist yet. */
const RETRY_MS = 100;

const STARTING = "starting";

/** Shows the states of interfaces that are not ready. */
export class StartProgress implements Disposable {
  readonly #status: StatusLine;
  readonly #states = new Map<string, string>();
  readonly #start = performance.now();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(status: StatusLine) {
    this.#status = status;
  }

  /**
   * The interfaces that do not run, with their states: `ib0: waiting for the subnet manager`. If all run, but their
   * configuration is not complete, all of them: `ib0: starting`.
   */
  get text(): string {
    const states = [...this.#states];
    const waiting = states.filter(([, state]) => state !== RUNNING);
    return waiting.length === 0
      ? `${states.map(([name]) => name).join(", ")}: ${STARTING}`
      : waiting.map(([name, state]) => `${name}: ${state}`).join("; ");
  }

  set(name: string, state: string): void {
    if (this.#states.get(name) === state) return;
    this.#states.set(name, state);
    this.#drawAfter(DELAY_MS);
  }

  /** Removes the line from a terminal. */
  end(): void {
    clearTimeout(this.#timer);
    this.#status.clear();
  }

  [Symbol.dispose](): void {
    this.end();
  }

  #drawAfter(delay: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#draw();
    }, delay);
  }

  #draw(): void {
    const { isTerminal } = this.#status;
    const known = [...this.#states.values()].some((each) => each !== STARTING);
    // In a pipe, a line "starting" would not help.
    if (!known && !isTerminal) return;
    const seconds = Math.round((performance.now() - this.#start) / 1000);
    this.#status.show(this.text, ` (${seconds} s)`);
    if (isTerminal) this.#drawAfter(REDRAW_MS);
  }
}

/** Passes the states of interfaces to `progress` until it is stopped. */
export function followStates(
  paths: ReadonlyMap<string, string>,
  progress: StartProgress,
): { stop(): void } {
  const stopped = new AbortController();
  for (const [name, path] of paths) {
    progress.set(name, STARTING);
    void follow(name, path, progress, stopped.signal);
  }
  return { stop: () => stopped.abort() };
}

async function follow(
  name: string,
  path: string,
  progress: StartProgress,
  stopped: AbortSignal,
): Promise<void> {
  const client = await connect(name, path, stopped);
  if (!client) return;
  stopped.addEventListener("abort", () => client.close());
  // The stored events include the states before the connection.
  const wanted = { name, kinds: ["link" as const], since: 0 };
  try {
    await client.stream("events.watch", wanted, (events) => {
      for (const { event, subject, new: state = STARTING } of events) {
        if (event === "state" && subject === name) progress.set(name, state);
      }
    });
  } catch {
    // The process has ended, or its interfaces are ready.
  }
}

async function connect(
  name: string,
  path: string,
  stopped: AbortSignal,
): Promise<IpcClient | undefined> {
  while (!stopped.aborted) {
    try {
      return await IpcClient.connect(path, name, inodeOfSocket(path));
    } catch {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
  return undefined;
}
