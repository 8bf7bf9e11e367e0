/**
 * The clients of one control socket, and the bounds on what they use.
 *
 * A new connection is never refused: the command of an administrator must get through, and the socket cannot tell who that
 * is. The oldest connection without a request under way ends instead, or the oldest of all if every one waits for an answer.
 */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import { Connection, type ConnectionOwner } from "./connection.ts";
import type { Handlers } from "./handlers.ts";
import type { EndReason, IpcLimits } from "./limits.ts";

const REASONS: Record<EndReason, string> = {
  unread: "it does not read its replies",
  evicted: "another client needed its connection",
  incomplete: "its request did not become complete",
};

export class Clients implements ConnectionOwner {
  readonly limits: IpcLimits;
  /** Clients that were disconnected, by reason. */
  readonly ended: Record<EndReason, number> = {
    unread: 0,
    evicted: 0,
    incomplete: 0,
  };
  readonly #what: string;
  readonly #handlers: Handlers;
  readonly #connections = new Set<Connection>();

  /** @param what names the owner of the socket in the log */
  constructor(what: string, handlers: Handlers, limits: IpcLimits) {
    this.#what = what;
    this.#handlers = handlers;
    this.limits = limits;
  }

  /** Bytes that wait for all clients. */
  get unsent(): number {
    let sum = 0;
    for (const { unsent } of this.#connections) sum += unsent;
    return sum;
  }

  add(conn: Deno.UnixConn): void {
    const open = [...this.#connections].filter(({ ended }) => !ended);
    if (open.length >= this.limits.connections) this.#evict(open);
    const connection = new Connection(conn, this.#handlers, this);
    this.#connections.add(connection);
    void connection.done.then(() => this.#connections.delete(connection));
  }

  broadcast(event: string, data: unknown): void {
    for (const connection of this.#connections) connection.event(event, data);
  }

  /** Waits at most `grace` milliseconds for answers under way, and closes every connection. */
  async finish(grace: number): Promise<void> {
    await Promise.all(
      [...this.#connections].map((connection) => connection.finish(grace)),
    );
  }

  onQueued(): void {
    if (this.unsent <= this.limits.totalUnsent) return;
    const waiting = [...this.#connections].filter(({ unsent, ended }) =>
      unsent > 0 && !ended
    );
    void oldest(waiting, ({ movedAt }) => movedAt)?.end("unread");
  }

  onEnded(reason: EndReason): void {
    this.ended[reason]++;
    getLogger(this.#what).warn(
      `a client of the control socket was disconnected: ${REASONS[reason]}`,
    );
  }

  #evict(open: readonly Connection[]): void {
    const before = performance.now() - this.limits.idleMs;
    const idle = open.filter(({ busy, activeAt }) =>
      !busy && activeAt <= before
    );
    const connection = oldest(
      idle.length > 0 ? idle : open,
      ({ activeAt }) => activeAt,
    );
    void connection?.end(
      "evicted",
      new IpoibError(
        "E_IPC_BUSY",
        `${this.#what} has more than ${this.limits.connections} clients, and this one was idle longest`,
        { errno: Errno.EBUSY, hint: "connect again" },
      ),
    );
  }
}

function oldest(
  connections: readonly Connection[],
  time: (connection: Connection) => number,
): Connection | undefined {
  let found = connections[0];
  for (const each of connections) if (time(each) < time(found!)) found = each;
  return found;
}
