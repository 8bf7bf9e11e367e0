/** The new process of `ipoib upgrade`: takes over the interfaces of the old one. */

import * as v from "valibot";
import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import { parseGuid } from "../../base/hex.ts";
import type { Millis } from "../../base/units.ts";
import { VERSION } from "../../ipc/version.ts";
import { closeAll, Fd } from "../../system/fd.ts";
import { connect } from "../../system/unix_socket.ts";
import type { ChosenHca } from "../choose_hca.ts";
import { HandoverChannel, type HandoverMessage } from "./handover_channel.ts";
import type { LeftInterface } from "./left_interface.ts";
import { FORMAT, SavedInterfaceSchema } from "./saved_interface.ts";

/** Time for each message of the old process. */
const ANSWER_MS: Millis = 10_000;
const WATCH_STEP_MS: Millis = 5;

/** An interface that is taken over. */
export interface TakenInterface {
  /** Name with which the interface was started. */
  readonly name: string;
  readonly hca: ChosenHca;
  readonly guid: bigint;
  readonly running: boolean;
  /** Namespace of the parent. */
  readonly netns: Fd;
  /** Returns the record and the devices. The old process releases its interfaces at the first call. */
  left(): Promise<LeftInterface>;
  /** See {@linkcode Takeover.concluded}. */
  concluded(): Promise<boolean>;
}

/** An interface as the old process introduces it. */
type Introduced = Omit<TakenInterface, "left" | "concluded">;

export class Takeover implements Disposable {
  readonly interfaces: readonly TakenInterface[];
  /** The old process. */
  readonly old: { readonly pid: number; readonly version: string };
  /** Standard error of the old process. */
  readonly stderr: Fd;
  /** `JOURNAL_STREAM` of the old process. */
  readonly journalStream: string | undefined;
  readonly notifySocket: string | undefined;
  /** Connection to the front: the first process, if its parent waits for it (front.ts). */
  readonly front: HandoverChannel | undefined;
  readonly #channel: HandoverChannel;
  #records: Promise<Map<string, LeftInterface>> | undefined;
  /** Resolves when the old process has accepted. Rejects if the takeover has failed. */
  #decision: Promise<void> | undefined;

  private constructor(
    channel: HandoverChannel,
    shared: Pick<
      Takeover,
      "old" | "stderr" | "journalStream" | "notifySocket" | "front"
    >,
    interfaces: readonly Introduced[],
  ) {
    this.#channel = channel;
    this.old = shared.old;
    this.stderr = shared.stderr;
    this.journalStream = shared.journalStream;
    this.notifySocket = shared.notifySocket;
    this.front = shared.front;
    this.interfaces = interfaces.map((each) => ({
      ...each,
      left: () => this.#left(each.name),
      concluded: () => this.concluded(),
    }));
  }

  /** Connects to the old process at `path`. Throws `E_HANDOVER`, `E_SOCKET`. */
  static async connect(path: string): Promise<Takeover> {
    const fd = connect(path);
    if (!fd) {
      throw new IpoibError(
        "E_HANDOVER",
        "The process whose interfaces are to be taken over has ended",
        { errno: Errno.ECONNREFUSED },
      );
    }
    const channel = new HandoverChannel(fd);
    const formats = [FORMAT];
    const hello = { version: VERSION, pid: Deno.pid, formats };
    await channel.send({ type: "hello", ...hello });
    const { message, fds: [stderr, other] } = await channel.receive(
      ["process"],
      ANSWER_MS,
    );
    const { pid, version, journalStream, notifySocket, front } = message;
    const frontChannel = other && new HandoverChannel(other);
    const interfaces: Introduced[] = [];
    for (let i = 0; i < message.interfaces; i++) {
      const { message: { name, hca, guid, running }, fds: [netns] } =
        await channel.receive(["interface"], ANSWER_MS);
      interfaces.push({
        ...{ name, hca, running, netns: netns ?? new Fd(-1) },
        guid: parseGuid(guid) ?? 0n,
      });
    }
    return new Takeover(channel, {
      old: { pid, version },
      stderr: stderr ?? new Fd(-1),
      ...{ journalStream, notifySocket },
      front: frontChannel ?? (front ? channel : undefined),
    }, interfaces);
  }

  /** Waits for `ready`. Throws `E_HANDOVER` as soon as the old process has ended, or goes on. */
  async whileAwaited(ready: Promise<unknown>): Promise<void> {
    let over = false;
    const watch = async () => {
      while (!over) {
        this.#channel.poll([]);
        await new Promise((resolve) => setTimeout(resolve, WATCH_STEP_MS));
      }
    };
    try {
      await Promise.race([ready, watch()]);
    } finally {
      over = true;
    }
  }

  /**
   * Reports success: the old process ends, or becomes the front. Throws `E_HANDOVER` if it does not accept that, but goes
   * on. It alone decides, so that this process waits for the answer, or the end of the connection, without a limit.
   */
  running(): Promise<void> {
    return this.#decision ??= this.#report();
  }

  /**
   * Returns true if the old process has accepted. Until then the devices are those of the old process. An end of this one
   * before {@linkcode running} ends the takeover.
   */
  concluded(): Promise<boolean> {
    this.#decision ??= Promise.reject(stopped());
    return this.#decision.then(() => true, () => false);
  }

  /**
   * Reports the end of this process: to the front its exit code; to an old process that has not accepted that everything
   * is closed, and why.
   */
  async ended(code: number, failure: IpoibError = stopped()): Promise<void> {
    // The end of a connection has the same effect as the failure.
    const { message } = failure;
    const sent = await this.concluded()
      ? this.front?.send({ type: "ended", code })
      : this.#channel.send({ type: "failed", message });
    await sent?.catch(() => {});
  }

  [Symbol.dispose](): void {
    this.#channel[Symbol.dispose]();
    this.front?.[Symbol.dispose]();
    this.stderr.close();
  }

  async #report(): Promise<void> {
    const message = {
      type: "running",
      pid: Deno.pid,
      version: VERSION,
    } satisfies HandoverMessage;
    await this.#channel.send(message);
    await this.#channel.receive(["accepted"], Infinity);
    if (this.front && this.front !== this.#channel) {
      // Not awaited: the front may have been killed.
      void this.front.send(message).catch(() => {});
    }
  }

  async #left(name: string): Promise<LeftInterface> {
    this.#records ??= this.#receive();
    const left = (await this.#records).get(name);
    if (left) return left;
    throw new IpoibError("E_HANDOVER", `The record of ${name} is missing`);
  }

  /** Receives the records of all interfaces. */
  async #receive(): Promise<Map<string, LeftInterface>> {
    const texts = new Map<string, string>();
    const taps = new Map<string, Record<string, number>>();
    const channel = this.#channel;
    await channel.send({ type: "ready" });
    for (;;) {
      const { message, fds } = await channel.receive(
        ["text", "devices", "released"],
        ANSWER_MS,
      );
      if (message.type === "released") break;
      const { name } = message;
      if (message.type === "text") {
        texts.set(name, (texts.get(name) ?? "") + message.text);
        continue;
      }
      const { labels } = message;
      taps.set(name, {
        ...taps.get(name),
        ...Object.fromEntries(
          labels.map((label, i) => [label, fds[i]?.release() ?? -1]),
        ),
      });
    }
    return new Map(
      [...texts].map(([name, text]) => [
        name,
        toLeft(text, taps.get(name) ?? {}),
      ]),
    );
  }
}

function stopped(): IpoibError {
  return new IpoibError(
    "E_HANDOVER",
    "The new process was stopped before it had taken over",
  );
}

function toLeft(text: string, taps: Record<string, number>): LeftInterface {
  const parsed = v.safeParse(SavedInterfaceSchema, JSON.parse(text));
  if (parsed.success) return { saved: parsed.output, settings: true, taps };
  closeAll(Object.values(taps));
  throw new IpoibError(
    "E_HANDOVER",
    `Cannot read the record of the old process: ${
      v.getDotPath(parsed.issues[0]) ?? "it"
    } is invalid`,
  );
}
