/**
 * Creates the runtime directory and its subdirectories, and refuses directories that other users can modify.
 *
 * A directory is created first and checked afterwards, so that a directory that another user created first is refused.
 * The parent of the runtime directory may be writable by other users if its sticky bit is set, as for /tmp, because
 * then only the owner can replace the runtime directory.
 */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { systemReason } from "../base/system_error.ts";
import { runtimeDirectory } from "./locate.ts";

/** Hint for errors about the runtime directory. */
export const RUNTIME_DIR_HINT =
  "set IPOIB_RUNTIME_DIR to choose another directory";
const STICKY = 0o1000;
const WRITABLE_BY_OTHERS = 0o022;
const ROOT = 0;
const MAX_RETRIES = 3;

/**
 * Creates `path` and its missing parents: the runtime directory with mode 0755, all others with mode 0700.
 *
 * Throws `E_RUNTIME_DIR` (EACCES) if a directory cannot be created; if the runtime directory, `path`, or a path between
 * them is not a directory, belongs to a user other than this one or root, or is writable by other users; and if the
 * parent of the runtime directory is writable by other users without the sticky bit.
 */
export function makeRuntimeDirectory(
  path: string,
  runtime = runtimeDirectory(),
): void {
  const inside = path.startsWith(`${runtime}/`);
  const top = inside ? runtime : path;
  const above = parentDirectory(top);
  makeMissing(above);
  checkAbove(above);
  makeOne(top, top === runtime ? 0o755 : 0o700);
  if (!inside) return;
  let directory = runtime;
  for (const name of path.slice(runtime.length + 1).split("/")) {
    directory += `/${name}`;
    makeOne(directory, 0o700);
  }
}

/**
 * Creates a directory with {@linkcode makeRuntimeDirectory} and calls `make`, which creates a file in it. Retries if
 * another process removes the directory in between.
 */
export async function inRuntimeDirectory<T>(
  path: string,
  make: () => Promise<T>,
): Promise<T> {
  for (let left = MAX_RETRIES;; left--) {
    try {
      makeRuntimeDirectory(path);
      return await make();
    } catch (error) {
      if (left === 0 || exists(path)) throw error;
    }
  }
}

/** Removes the directory of a namespace if it is empty. Never removes the runtime directory. */
export function removeEmptyDirectory(path: string): void {
  if (path === runtimeDirectory()) return;
  try {
    Deno.removeSync(path);
  } catch {
    // The directory is in use, or another process has removed it.
  }
}

/**
 * Checks the runtime directory, if it exists, and its parent, as {@linkcode makeRuntimeDirectory} does. Creates nothing.
 * Throws `E_RUNTIME_DIR` (EACCES).
 */
export function checkRuntimeDirectory(path = runtimeDirectory()): void {
  const above = parentDirectory(path);
  if (exists(above)) checkAbove(above);
  if (exists(path)) check(path);
}

/** True for the path of an existing or new file in the runtime directory, also through symbolic links. */
export function isInRuntimeDirectory(
  path: string,
  runtime = runtimeDirectory(),
): boolean {
  try {
    const directory = `${Deno.realPathSync(parentDirectory(path))}/`;
    return directory.startsWith(`${Deno.realPathSync(runtime)}/`);
  } catch {
    // One of the directories does not exist.
    return false;
  }
}

/** Returns the parent directory of a path. */
export function parentDirectory(path: string): string {
  const slash = path.lastIndexOf("/");
  if (slash < 0) return ".";
  return slash === 0 ? "/" : path.slice(0, slash);
}

function makeMissing(path: string): void {
  try {
    Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw cannotMake(path, error);
  }
}

function makeOne(path: string, mode: number): void {
  let made = true;
  try {
    Deno.mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) {
      throw cannotMake(path, error);
    }
    made = false;
  }
  check(path);
  // chmod, because changing the umask would affect all threads.
  if (made && mode !== 0o700) Deno.chmodSync(path, mode);
}

function check(path: string): void {
  const { isSymlink, isDirectory, uid, mode } = Deno.lstatSync(path);
  if (isSymlink) {
    throw refused(`Directory "${path}" is a symbolic link`, {
      hint: "remove it, or set IPOIB_RUNTIME_DIR to a directory",
    });
  }
  if (!isDirectory) throw refused(`File "${path}" is not a directory`);
  if (uid !== ROOT && uid !== Deno.uid()) {
    throw refused(`Directory "${path}" belongs to another user (uid ${uid})`, {
      hint: "remove it, or set IPOIB_RUNTIME_DIR to another directory",
    });
  }
  if ((mode! & WRITABLE_BY_OTHERS) !== 0) {
    throw refused(`Directory "${path}" is writable by other users`, {
      hint: `chmod go-w "${path}"`,
    });
  }
}

function checkAbove(path: string): void {
  const mode = Deno.statSync(path).mode!;
  if ((mode & WRITABLE_BY_OTHERS) !== 0 && (mode & STICKY) === 0) {
    throw refused(
      `Parent directory "${path}" is writable by other users and not sticky`,
      { hint: `chmod go-w "${path}", or chmod +t "${path}"` },
    );
  }
}

function refused(
  message: string,
  details: { hint?: string; cause?: unknown } = {},
): IpoibError {
  return new IpoibError("E_RUNTIME_DIR", message, {
    errno: Errno.EACCES,
    hint: RUNTIME_DIR_HINT,
    ...details,
  });
}

/** True if `path` exists, even as a dangling symbolic link. */
export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

function cannotMake(path: string, error: unknown): IpoibError {
  return refused(
    `Cannot create directory "${path}": ${systemReason(error)}`,
    { cause: error },
  );
}
