/**
 * Folders of the runtime directory: made closed to others, and used only if no other user can change what is in them.
 *
 * A folder is made first and checked afterwards, so that one which another user makes in between is refused. What is above the runtime
 * directory may be writable by all users if it is sticky, as /tmp is: then only the owner can replace the folder.
 */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { runtimeDirectory } from "./locate.ts";

const STICKY = 0o1000;
const WRITABLE_BY_OTHERS = 0o022;
const ROOT = 0;
const MAX_ATTEMPTS = 3;

/**
 * Makes `path` and the folders above it as far as they are missing, the runtime directory with mode 0755 and everything
 * else with 0700.
 *
 * Throws `E_RUNTIME_DIR` if `path` or a folder between it and the runtime directory is not a folder, belongs to a user
 * other than this one or root, or can be changed by other users; and if the folder above the runtime directory can.
 */
export function makeRuntimeFolder(
  path: string,
  runtime = runtimeDirectory(),
): void {
  const inside = path.startsWith(`${runtime}/`);
  const top = inside ? runtime : path;
  const above = folderOf(top);
  makeMissing(above);
  checkAbove(above);
  makeOne(top, top === runtime ? 0o755 : 0o700);
  if (!inside) return;
  let folder = runtime;
  for (const name of path.slice(runtime.length + 1).split("/")) {
    folder += `/${name}`;
    makeOne(folder, 0o700);
  }
}

/**
 * Makes a folder as {@linkcode makeRuntimeFolder} and what `make` makes in it, once more if the last process there removes
 * the folder at this moment.
 */
export async function inRuntimeFolder<T>(
  path: string,
  make: () => Promise<T>,
): Promise<T> {
  for (let left = MAX_ATTEMPTS;; left--) {
    makeRuntimeFolder(path);
    try {
      return await make();
    } catch (error) {
      if (left === 0 || exists(path)) throw error;
    }
  }
}

/** Removes the folder of a namespace if nothing is in it; the runtime directory stays. */
export function removeEmptyFolder(path: string): void {
  if (path === runtimeDirectory()) return;
  try {
    Deno.removeSync(path);
  } catch {
    // It is used, or another process has removed it.
  }
}

/** The folder that a path is in. */
export function folderOf(path: string): string {
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
  // Not by the umask, which is that of all threads.
  if (made && mode !== 0o700) Deno.chmodSync(path, mode);
}

function check(path: string): void {
  const { isSymlink, isDirectory, uid, mode } = Deno.lstatSync(path);
  if (isSymlink) {
    throw refused(`Folder "${path}" is a symbolic link`, {
      hint: "remove it, or name the folder itself in IPOIB_RUNTIME_DIR",
    });
  }
  if (!isDirectory) throw refused(`"${path}" is not a folder`);
  if (uid !== ROOT && uid !== Deno.uid()) {
    throw refused(`Folder "${path}" belongs to another user (uid ${uid})`, {
      hint: "remove it, or name another folder in IPOIB_RUNTIME_DIR",
    });
  }
  if ((mode! & WRITABLE_BY_OTHERS) !== 0) {
    throw refused(`Other users may write to folder "${path}"`, {
      hint: `chmod go-w "${path}"`,
    });
  }
}

function checkAbove(path: string): void {
  const mode = Deno.statSync(path).mode!;
  if ((mode & WRITABLE_BY_OTHERS) !== 0 && (mode & STICKY) === 0) {
    throw refused(`Other users may replace what is in folder "${path}"`, {
      hint: `chmod go-w "${path}", or chmod +t`,
    });
  }
}

function refused(
  message: string,
  details: { hint?: string; cause?: unknown } = {},
): IpoibError {
  return new IpoibError("E_RUNTIME_DIR", message, {
    errno: Errno.EACCES,
    hint: "IPOIB_RUNTIME_DIR names the folder of the sockets",
    ...details,
  });
}

/** True if there is something at `path`, even a link that leads nowhere. */
export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

function cannotMake(path: string, error: unknown): IpoibError {
  const why = error instanceof Error ? error.message : String(error);
  return refused(`Cannot make folder "${path}": ${why}`, { cause: error });
}
