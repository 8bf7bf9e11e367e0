/**
 * The clients of one control socket, with limits on their number and on the memory of their replies.
 *
 * A new connection is never refused, so that an administrator can always connect. If the limit on connections is
 * reached, the server closes the connection that was inactive longest: among those without a request in progress that
 * were inactive for {@linkcode IpcLimits.idleMs}, or among all if there are none.
 */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import { Connection, type ConnectionOwner } from "./connection.ts";
import type { Handlers } from "./handlers.ts";
import type { EndReason, IpcLimits } from "./limits.ts";

/** Log texts of the reasons. */
const REASONS: Record<EndReason, string> = {
  unread: "too many unread bytes",
  evicted: "connection limit reached",
  incomplete: "incomplete request",
};

export class Clients implements ConnectionOwner {
  readonly limits: IpcLimits;
  /** Number of clients disconnected, by reason. */
  readonly ended: Record<EndReason, number> = {
    unread: 0,
    evicted: 0,
    incomplete: 0,
  };
  readonly #server: string;
  readonly #handlers: Handlers;
  readonly #connections = new Set<Connection>();

  /** @param server name of the owner of the socket, for the log and error messages */
  constructor(server: string, handlers: Handlers, limits: IpcLimits) {
    this.#server = server;
    this.#handlers = handlers;
    this.limits = limits;
  }

  /** Bytes queued for all clients. */
  get unsent(): number {
    let sum = 0;
    for (const { unsent } of this.#connections) sum += unsent;
    return sum;
  }

  /** Serves a new connection, and closes another one if there are too many. */
  add(conn: Deno.UnixConn): void {
    const open = [...this.#connections].filter(({ ended }) => !ended);
    if (open.length >= this.limits.connections) this.#evict(open);
    const connection = new Connection(conn, this.#handlers, this);
    this.#connections.add(connection);
    void connection.done.then(() => this.#connections.delete(connection));
  }

  /** Waits up to `graceMs` for requests in progress, then closes every connection. */
  async finish(graceMs: number): Promise<void> {
    await Promise.all(
      [...this.#connections].map((connection) => connection.finish(graceMs)),
    );
  }

  /** Disconnects the client that has read nothing for the longest time if too many bytes are queued for all clients. */
  onQueued(): void {
    if (this.unsent <= this.limits.totalUnsent) return;
    const waiting = [...this.#connections].filter(({ unsent, ended }) =>
      unsent > 0 && !ended
    );
    void oldest(waiting, ({ movedAt }) => movedAt)?.end("unread");
  }

  onEnded(reason: EndReason): void {
    this.ended[reason]++;
    getLogger(this.#server).warn(
      `disconnected a client of the control socket: ${REASONS[reason]}`,
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
        `${this.#server} closed the connection: more than ${this.limits.connections} clients`,
        { errno: Errno.EBUSY, hint: "try again" },
      ),
    );
  }
}

/** Returns the connection with the smallest `time`. */
function oldest(
  connections: readonly Connection[],
  time: (connection: Connection) => number,
): Connection | undefined {
  let found = connections[0];
  for (const each of connections) if (time(each) < time(found!)) found = each;
  return found;
}
