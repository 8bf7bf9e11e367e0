/** Connects to a control socket and maps failures to error codes. */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { systemReason } from "../base/system_error.ts";

/**
 * Connects to the socket at `path`.
 *
 * Throws `E_NOT_RUNNING` (ECONNREFUSED) if no process listens, `E_IPC_PERMISSION` (EACCES), `E_SOCKET_PATH` (EINVAL) if
 * the path exceeds 107 bytes, `E_IPC_CONNECT` for any other error.
 *
 * @param server name of the server in error messages
 */
export async function connectSocket(
  path: string,
  server: string,
): Promise<Deno.UnixConn> {
  try {
    return await Deno.connect({ transport: "unix", path });
  } catch (error) {
    throw convert(error, path, server);
  }
}

function convert(error: unknown, path: string, server: string): IpoibError {
  if (
    error instanceof Deno.errors.NotFound ||
    error instanceof Deno.errors.ConnectionRefused
  ) {
    return new IpoibError("E_NOT_RUNNING", `${server} is not running`, {
      errno: Errno.ECONNREFUSED,
      cause: error,
    });
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return new IpoibError(
      "E_IPC_PERMISSION",
      `Permission denied on the control socket of ${server}`,
      {
        errno: Errno.EACCES,
        hint: "run the command as the user that owns the process, or as root",
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
    `Cannot connect to ${server}: ${systemReason(error)}`,
    { cause: error },
  );
}
