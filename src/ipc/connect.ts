/** Connecting to a control socket, with its failures named. */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";

/**
 * Connects to the socket at `path`.
 *
 * Throws `E_NOT_RUNNING` if nobody listens, `E_IPC_PERMISSION`, `E_SOCKET_PATH` for a path that is too long, and
 * `E_IPC_CONNECT` for everything else. `what` names the other side in the message.
 */
export async function connectSocket(
  path: string,
  what: string,
): Promise<Deno.UnixConn> {
  try {
    return await Deno.connect({ transport: "unix", path });
  } catch (error) {
    throw named(error, path, what);
  }
}

function named(error: unknown, path: string, what: string): IpoibError {
  if (
    error instanceof Deno.errors.NotFound ||
    error instanceof Deno.errors.ConnectionRefused
  ) {
    return new IpoibError("E_NOT_RUNNING", `${what} is not running`, {
      errno: Errno.ECONNREFUSED,
      cause: error,
    });
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return new IpoibError(
      "E_IPC_PERMISSION",
      `Permission to control ${what} is denied`,
      {
        errno: Errno.EACCES,
        hint: "run as the user who started it",
        cause: error,
      },
    );
  }
  if (error instanceof TypeError) {
    return new IpoibError(
      "E_SOCKET_PATH",
      `Cannot use "${path}" as a socket: the path is longer than 107 bytes`,
      {
        errno: Errno.EINVAL,
        hint: "choose a shorter IPOIB_RUNTIME_DIR",
        cause: error,
      },
    );
  }
  return new IpoibError(
    "E_IPC_CONNECT",
    `Cannot connect to ${what}: ${
      error instanceof Error ? error.message : String(error)
    }`,
    { cause: error },
  );
}
