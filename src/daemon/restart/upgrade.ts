/** The part of a process in an upgrade: it can hand its interfaces over, and it may have taken them over. */

import { IpoibError } from "../../base/errors.ts";
import type { Millis } from "../../base/units.ts";
import { variable } from "../../base/variables.ts";
import type { UpgradeRecord } from "../../ipc/schema.ts";
import { upArguments, type UpOptions } from "../../ipc/up_options.ts";
import { VERSION } from "../../ipc/version.ts";
import { notify } from "../../system/notify.ts";
import { readTextFile } from "../../system/read_files.ts";
import type { InterfaceGroup, Member } from "../interface_group.ts";
import {
  type HandedInterface,
  Handover,
  handoverPath,
  type Successor,
} from "./hand_over.ts";
import type { Takeover } from "./take_over.ts";

/** Time for an interface that was running to run again. The old process waits longer. */
const READY_MS: Millis = 15_000;
/** Time for which `ipoib upgrade` waits for the children. */
const CHILDREN_MS: Millis = 60_000;
const CGROUP = "/proc/self/cgroup";
const STDERR = 2;

/** An interface of a process that can be upgraded. InterfaceProcess implements it; tests use fakes. */
export interface UpgradedMember extends Member, HandedInterface {
  /** Resolves when all children are restored. */
  readonly restored: Promise<void>;
  /** Throws if the interface is not ready after `limit` milliseconds, or is to end. */
  ready(limit: Millis): Promise<void>;
  takeOver(): Promise<void>;
}

export interface UpgradeParts {
  readonly runtime: string;
  readonly notifySocket: string | undefined;
  /** The takeover with which this process began, if any. */
  readonly takeover: Takeover | undefined;
  /** Path of the log file of a process in the background. */
  readonly logPath: string | undefined;
  /** Returns the interfaces that have not ended. */
  readonly interfaces: () => readonly UpgradedMember[];
}

export class Upgrade {
  /** Called when this process has taken over. */
  onTaken: () => void = () => {};

  readonly #options: UpOptions;
  readonly #parts: UpgradeParts;
  readonly #handover: Handover;
  readonly #front: boolean;
  #successor: Successor | undefined;
  #failure: IpoibError | undefined;

  /** @param options with the choice of ports that the new process has too (settledChoice() in choose_hca.ts) */
  constructor(options: UpOptions, parts: UpgradeParts) {
    this.#options = options;
    this.#parts = parts;
    const { runtime, notifySocket, takeover, logPath } = parts;
    // No parent waits for a process in the background, and the service manager follows the new process (MAINPID).
    this.#front = takeover === undefined && notifySocket === undefined &&
      logPath === undefined;
    this.#handover = new Handover(
      handoverPath(runtime),
      parts.interfaces,
      {
        ...{ stderr: STDERR, notifySocket, front: this.#front },
        // Read when it is handed over: a takeover changes it.
        get journalStream() {
          return variable("JOURNAL_STREAM");
        },
        frontChannel: takeover?.front,
      },
    );
    this.#handover.onDone = (successor) => {
      this.#successor = successor;
      notify(`MAINPID=${successor.pid}`, notifySocket);
      for (const each of parts.interfaces()) each.end("handed over");
    };
  }

  /** The process that has taken over from this one. */
  get successor(): Successor | undefined {
    return this.#successor;
  }

  /** True if this process stays as the front of its successor. */
  get isFront(): boolean {
    return this.#front;
  }

  /** Why this process could not take over. */
  get failure(): IpoibError | undefined {
    return this.#failure;
  }

  /** Prepares the handover, for the method `upgrade`. Throws the errors of {@linkcode Handover.open}. */
  begin(): UpgradeRecord {
    const { logPath, interfaces } = this.#parts;
    const names = interfaces().map(({ name }) => name);
    const unit = this.#unit();
    return {
      pid: Deno.pid,
      version: VERSION,
      socket: this.#handover.open(),
      command: upArguments({
        ...{ ...this.#options, names, background: false },
      }),
      ...(logPath === undefined ? {} : { log: logPath }),
      ...(unit === undefined ? {} : { unit }),
    };
  }

  /**
   * Completes the takeover when all interfaces of the group that were running are ready. If one is not in time, ends
   * them all; the old process then goes on, with its control sockets, which are replaced only after it has accepted.
   */
  async complete(
    takeover: Takeover,
    group: InterfaceGroup<UpgradedMember>,
  ): Promise<void> {
    try {
      const members = group.alive();
      await takeover.whileAwaited(Promise.all(
        members.filter(({ name }) =>
          takeover.interfaces.some((each) => each.name === name && each.running)
        ).map((each) => each.ready(READY_MS)),
      ));
      await takeover.running();
      for (const each of members) await each.takeOver();
      await this.#childrenOf(members);
      this.onTaken();
    } catch (error) {
      this.fail(error);
      group.end("failure");
    }
  }

  /** Waits until all children are restored, which takes longer the more there are, at most {@linkcode CHILDREN_MS}. */
  async #childrenOf(members: readonly UpgradedMember[]): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await Promise.race([
      Promise.all(members.map(({ restored }) => restored)),
      new Promise((resolve) => timer = setTimeout(resolve, CHILDREN_MS)),
    ]);
    clearTimeout(timer);
  }

  /** Notes why this process cannot take over. */
  fail(error: unknown): void {
    this.#failure = IpoibError.from(error);
  }

  close(): void {
    this.#handover.close();
  }

  #unit(): UpgradeRecord["unit"] {
    const invocation = variable("INVOCATION_ID");
    const { notifySocket } = this.#parts;
    if (notifySocket === undefined || invocation === undefined) {
      return undefined;
    }
    const name = /([^/\n]+\.service)$/m.exec(
      readTextFile(CGROUP, 65_536) ?? "",
    )?.[1];
    return { invocation, ...(name === undefined ? {} : { name }) };
  }
}
