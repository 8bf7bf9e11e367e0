/**
 * Opening files whose name another user may have put there first: neither a symbolic link is followed nor a FIFO waited for,
 * and a file of another user is not used.
 */

import { cString, libc } from "../../ffi/libc.ts";
import { IpoibError } from "../base/errors.ts";
import { Errno } from "../base/errno.ts";
import { lastError, unwrap } from "./errno.ts";
import { Fd } from "./fd.ts";
import { statFd } from "./memory.ts";

const ACCESS = { read: 0, write: 1, both: 2 } as const;
const O_CREAT = 0x40;
const O_APPEND = 0x400;
const O_NONBLOCK = 0x800;
const O_CLOEXEC = 0x80000;
/** From asm-generic/fcntl.h and, for arm64, from asm/fcntl.h. */
const O_NOFOLLOW = Deno.build.arch === "aarch64" ? 0x8000 : 0x20000;
const ROOT = 0;
const CHUNK = 65536;

export interface FileOptions {
  access: keyof typeof ACCESS;
  /** Makes the file with mode 0600 if it is missing. */
  create?: boolean;
  append?: boolean;
  /** The user has named the file: links are followed, and the owner does not matter. */
  named?: boolean;
}

/** Opens a regular file; throws `code` with the errno, ELOOP for a symbolic link, EINVAL for what is no regular file. */
export function openRegular(
  path: string,
  code: string,
  options: FileOptions,
): Fd {
  const flags = ACCESS[options.access] | O_CLOEXEC | O_NONBLOCK |
    (options.create ? O_CREAT : 0) | (options.append ? O_APPEND : 0) |
    (options.named ? 0 : O_NOFOLLOW);
  const fd = new Fd(
    unwrap(
      libc().open(cString(path), flags, 0o600),
      code,
      `open "${path}"`,
    ),
  );
  try {
    const { regular, uid } = statFd(fd.number);
    if (!regular) {
      throw new IpoibError(code, `"${path}" is not a regular file`, {
        errno: Errno.EINVAL,
      });
    }
    if (!options.named && uid !== ROOT && uid !== libc().geteuid()) {
      throw new IpoibError(
        code,
        `File "${path}" belongs to another user (uid ${uid})`,
        { errno: Errno.EACCES, hint: "remove it" },
      );
    }
    return fd;
  } catch (error) {
    fd.close();
    throw error;
  }
}

/** Makes a file empty, as far as that can be done. */
export function truncate(file: Fd): void {
  libc().ftruncate(file.number, 0n);
}

/** The text of a regular file of at most `maxLength` bytes; throws as {@linkcode openRegular}, EFBIG for a longer one. */
export function readRegular(
  path: string,
  code: string,
  maxLength: number,
  options: { named?: boolean } = {},
): string {
  using fd = openRegular(path, code, { access: "read", ...options });
  const parts: Uint8Array[] = [];
  let total = 0;
  for (;;) {
    const part = new Uint8Array(CHUNK);
    const length = libc().read(fd.number, part, CHUNK);
    if (length < 0) throw lastError(code, `read "${path}"`);
    if (length === 0) break;
    total += length;
    if (total > maxLength) {
      throw new IpoibError(
        code,
        `File "${path}" is longer than ${maxLength} bytes`,
        { errno: Errno.EFBIG },
      );
    }
    parts.push(part.subarray(0, length));
  }
  const decoder = new TextDecoder();
  return parts.map((part) => decoder.decode(part, { stream: true })).join("") +
    decoder.decode();
}
