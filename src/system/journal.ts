/** The systemd journal: detection that standard error is connected to it, and its native protocol. */

import { libc } from "../../ffi/libc.ts";
import { lastError } from "./errno.ts";
import { type Fd, openSocket } from "./fd.ts";
import { statFd } from "./memory.ts";
import { unixAddress } from "./unix_socket.ts";

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0x80000;
const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;
const STDERR = 2;
const SOCKET = "/run/systemd/journal/socket";

/**
 * True if a descriptor is the stream to the journal that `JOURNAL_STREAM` names as `DEVICE:INODE` (systemd.exec(5)). The
 * variable alone says nothing, because processes inherit it although their output is redirected.
 *
 * @param stream value of `JOURNAL_STREAM`
 */
export function isJournal(stream: string | undefined, fd = STDERR): boolean {
  const match = /^(\d+):(\d+)$/.exec(stream ?? "");
  if (!match) return false;
  try {
    const { device, inode } = statFd(fd);
    return device === BigInt(match[1]!) && inode === BigInt(match[2]!);
  } catch {
    // The descriptor is closed.
    return false;
  }
}

/** A socket for entries of the journal. */
export class JournalSocket implements Disposable {
  readonly #fd: Fd;
  readonly #address: Uint8Array<ArrayBuffer>;

  /** Throws `E_JOURNAL`. */
  constructor(path = SOCKET) {
    this.#address = unixAddress(path);
    this.#fd = openSocket(
      ...[AF_UNIX, SOCK_DGRAM_CLOEXEC, 0, "E_JOURNAL"] as const,
      "open a socket to the journal",
    );
  }

  /**
   * Sends an entry without waiting. Throws `E_JOURNAL`, with EAGAIN if the journal does not receive, and with ENOENT or
   * ECONNREFUSED if it does not run.
   *
   * @param fields values without newlines by name (systemd.journal-fields(7))
   */
  send(fields: Readonly<Record<string, string | number>>): void {
    const entry = new TextEncoder().encode(
      Object.entries(fields).map(([name, value]) => `${name}=${value}\n`)
        .join(""),
    );
    const sent = libc().sendto(
      this.#fd.number,
      entry,
      entry.length,
      MSG_DONTWAIT_NOSIGNAL,
      this.#address,
      this.#address.length,
    );
    if (sent < 0) throw lastError("E_JOURNAL", "send an entry to the journal");
  }

  [Symbol.dispose](): void {
    this.#fd.close();
  }
}
