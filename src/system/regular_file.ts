/**
 * Opens regular files in directories where another user may have created the name first. Symbolic links, FIFOs and
 * other non-regular files, and files of other users (except root) are refused.
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
  /** Creates the file if it is missing. */
  create?: boolean;
  /** Mode of a file that is created. Default: 0600. */
  mode?: number;
  append?: boolean;
  /** True for a file given by the user: symbolic links are followed, and the file may belong to any user. */
  named?: boolean;
}

/**
 * Opens a regular file without blocking. Throws an error with `code` and the errno: ELOOP for a symbolic link, EINVAL
 * for a non-regular file, EACCES for a file of another user.
 */
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
      libc().open(cString(path), flags, options.mode ?? 0o600),
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
        { errno: Errno.EACCES, hint: "remove the file" },
      );
    }
    return fd;
  } catch (error) {
    fd.close();
    throw error;
  }
}

/** Truncates a file to length 0. Ignores errors. */
export function truncate(file: Fd): void {
  libc().ftruncate(file.number, 0n);
}

/**
 * Returns the text of a regular file. Throws the errors of {@linkcode openRegular}, and EFBIG if the file is longer
 * than `maxLength` bytes.
 */
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
