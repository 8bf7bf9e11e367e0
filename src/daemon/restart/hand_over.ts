/**
 * The old process of `ipoib upgrade`: waits for the new one, and hands its interfaces over.
 *
 * The interfaces go on until the new process is ready, and again if it fails before it has taken over, whenever that is.
 * If one of them is to end meanwhile, the handover fails, so that this process has the devices again, and can delete them.
 */

import { IpoibError } from "../../base/errors.ts";
import { formatGuid } from "../../base/hex.ts";
import { getLogger } from "../../base/log.ts";
import type { Millis } from "../../base/units.ts";
import { VERSION } from "../../ipc/version.ts";
import { closeAll, type Fd } from "../../system/fd.ts";
import { removeFile } from "../../system/files.ts";
import { accept, listen } from "../../system/unix_socket.ts";
import type { ChosenHca } from "../choose_hca.ts";
import type { DescribedInterface } from "./calls.ts";
import {
  HandoverChannel,
  type HandoverMessage,
  MAX_DEVICES,
  MAX_TEXT,
} from "./handover_channel.ts";
import type { LeftInterface } from "./left_interface.ts";
import { FORMAT } from "./saved_interface.ts";

/** Time for the new process to start. */
const START_MS: Millis = 60_000;
/** Time for the new process to take over, from the release to the message `running`. */
const TAKEOVER_MS: Millis = 30_000;
/** Time for the new process to close everything after this one has refused it. */
const CLOSE_MS: Millis = 5000;
const ACCEPT_STEP_MS: Millis = 10;
/** Limit for messages that are not sent if the peer has closed: the queue has space for them. */
const NOW: Millis = 0;

/** An interface that is handed over. InterfaceProcess implements it; tests use fakes. */
export interface HandedInterface {
  /** Name with which the interface was started. */
  readonly name: string;
  readonly hca: ChosenHca;
  readonly running: boolean;
  /** True if the interface is to end. */
  readonly ending: boolean;
  describe(): Promise<DescribedInterface>;
  /** Ends the data path. The caller owns the descriptors. */
  release(): Promise<LeftInterface>;
  /** Continues the data path. The ownership of the descriptors is transferred. */
  resume(left: LeftInterface): Promise<void>;
}

/** What is handed over besides the interfaces. */
export interface HandedProcess {
  /** Descriptor of standard error. */
  readonly stderr: number;
  /** Value of `JOURNAL_STREAM`, which names standard error if that is the journal. */
  readonly journalStream: string | undefined;
  readonly notifySocket: string | undefined;
  /** True if the old process stays as the front of the new one, unless it has a front itself. */
  readonly front: boolean;
  /** Connection of the front of this process. */
  readonly frontChannel: HandoverChannel | undefined;
}

/** The new process, after it has taken over. */
export interface Successor {
  readonly pid: number;
  readonly version: string;
  readonly channel: HandoverChannel;
}

const SUFFIX = ".handover";

/** Returns the path of the socket of this process for a new one. */
export function handoverPath(runtime: string): string {
  return `${runtime}/${Deno.pid}${SUFFIX}`;
}

/** True for the file name of such a socket. */
export function isHandoverSocket(name: string): boolean {
  return name.endsWith(SUFFIX);
}

export class Handover {
  /** Called when a process has taken over. */
  onDone: (successor: Successor) => void = () => {};

  readonly #path: string;
  readonly #interfaces: () => readonly HandedInterface[];
  readonly #process: HandedProcess;
  #listener: Fd | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #busy = false;

  /**
   * @param path path of the socket for the new process
   * @param interfaces returns the interfaces that have not ended
   */
  constructor(
    path: string,
    interfaces: () => readonly HandedInterface[],
    process: HandedProcess,
  ) {
    this.#path = path;
    this.#interfaces = interfaces;
    this.#process = process;
  }

  /**
   * Listens for a new process, for {@linkcode START_MS}. Returns the path of the socket. Throws `E_SOCKET`, and
   * `E_HANDOVER` while a new process is taking over.
   */
  open(): string {
    if (this.#busy) {
      throw new IpoibError(
        "E_HANDOVER",
        "Another process is already taking over",
        { hint: "try again later" },
      );
    }
    this.close();
    this.#listener = listen(this.#path);
    const end = performance.now() + START_MS;
    this.#timer = setInterval(() => this.#accept(end), ACCEPT_STEP_MS);
    return this.#path;
  }

  /** Accepts the new process if it has connected. Stops listening then, after a failure, and from the time `end` on. */
  #accept(end: Millis): void {
    try {
      const connection = accept(this.#listener!.number);
      if (connection) void this.#serve(connection);
      else if (performance.now() <= end) return;
    } catch (error) {
      logFailure(error);
    }
    this.close();
  }

  /** Stops listening. */
  close(): void {
    clearInterval(this.#timer);
    if (!this.#listener) return;
    this.#listener.close();
    this.#listener = undefined;
    removeFile(this.#path);
  }

  async #serve(connection: Fd): Promise<void> {
    const channel = new HandoverChannel(connection);
    this.#busy = true;
    try {
      const successor = await this.#handOver(channel);
      getLogger().info(
        `process ${successor.pid} (version ${successor.version}) has taken over`,
      );
      this.onDone(successor);
    } catch (error) {
      channel[Symbol.dispose]();
      logFailure(error);
    } finally {
      this.#busy = false;
    }
  }

  async #handOver(channel: HandoverChannel): Promise<Successor> {
    const { message: { pid, version, formats } } = await channel.receive(
      ["hello"],
      START_MS,
    );
    if (!formats.includes(FORMAT)) {
      throw new IpoibError(
        "E_HANDOVER",
        `Version ${version} does not read the records of version ${VERSION}`,
      );
    }
    const interfaces = this.#interfaces();
    await this.#introduce(channel, interfaces);
    await channel.receive(["ready"], START_MS);
    const released = new Map<HandedInterface, LeftInterface>();
    let failed = false;
    try {
      for (const each of interfaces) {
        checkAlive(interfaces);
        const left = await each.release();
        released.set(each, left);
        await sendRecord(channel, each.name, left);
      }
      await channel.send({ type: "released" });
      const answer = await channel.receive(
        ["running", "failed"],
        TAKEOVER_MS,
        () => checkAlive(interfaces),
      );
      if (answer.message.type === "failed") {
        failed = true;
        throw new IpoibError("E_HANDOVER", answer.message.message);
      }
      await channel.send({ type: "accepted" }, [], NOW);
    } catch (error) {
      // The new process must have closed the devices before this one opens them again.
      if (!failed) await refuse(channel, IpoibError.from(error));
      channel[Symbol.dispose]();
      for (const [each, left] of released) await each.resume(left);
      throw error;
    }
    for (const { taps } of released.values()) closeAll(Object.values(taps));
    return { pid, version, channel };
  }

  /** Sends what the new process needs for its start. */
  async #introduce(
    channel: HandoverChannel,
    interfaces: readonly HandedInterface[],
  ): Promise<void> {
    const { stderr, journalStream, notifySocket, front, frontChannel } =
      this.#process;
    await channel.send(
      {
        type: "process",
        pid: Deno.pid,
        version: VERSION,
        interfaces: interfaces.length,
        ...(notifySocket === undefined ? {} : { notifySocket }),
        ...(journalStream === undefined ? {} : { journalStream }),
        front: front || frontChannel !== undefined,
      },
      frontChannel ? [stderr, frontChannel.fd] : [stderr],
    );
    for (const each of interfaces) {
      const { name, hca, running } = each;
      const { guid, netns } = await each.describe();
      try {
        await channel.send(
          { type: "interface", name, hca, running, guid: formatGuid(guid) },
          [netns],
        );
      } finally {
        closeAll([netns]);
      }
    }
  }
}

function checkAlive(interfaces: readonly HandedInterface[]): void {
  const ending = interfaces.find((each) => each.ending);
  if (!ending) return;
  throw new IpoibError(
    "E_HANDOVER",
    `${ending.name} was stopped during the takeover`,
  );
}

/** Waits until the new process has closed everything, or has ended, at most {@linkcode CLOSE_MS}. */
async function refuse(
  channel: HandoverChannel,
  { message }: IpoibError,
): Promise<void> {
  try {
    await channel.send({ type: "refused", message }, [], NOW);
    let type: HandoverMessage["type"];
    do {
      const received = await channel.receive(["running", "failed"], CLOSE_MS);
      type = received.message.type;
    } while (type !== "failed");
  } catch {
    // It has ended, or does not answer.
  }
}

function logFailure(error: unknown): void {
  getLogger().warn(`Upgrade failed: ${IpoibError.from(error).message}`);
}

async function sendRecord(
  channel: HandoverChannel,
  name: string,
  { saved, taps }: LeftInterface,
): Promise<void> {
  const text = JSON.stringify(saved);
  for (let at = 0; at < text.length; at += MAX_TEXT) {
    const part = text.slice(at, at + MAX_TEXT);
    await channel.send({ type: "text", name, text: part });
  }
  const devices = Object.entries(taps);
  for (let at = 0; at < devices.length; at += MAX_DEVICES) {
    const some = devices.slice(at, at + MAX_DEVICES);
    await channel.send(
      { type: "devices", name, labels: some.map(([label]) => label) },
      some.map(([, fd]) => fd),
    );
  }
}
