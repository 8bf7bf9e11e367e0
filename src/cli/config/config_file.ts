/** Finds and reads configuration files. */

import type { Option } from "@commander-js/extra-typings";
import { IpoibError } from "../../base/errors.ts";
import { systemReason } from "../../base/system_error.ts";
import { isInterfaceName } from "../../ipc/schema.ts";
import { usageError } from "../errors.ts";
import { type InterfaceFile, readInterfaceFile } from "./interface_file.ts";
import { MAX_FILE, type Problem } from "./syntax.ts";

const SUFFIX = ".conf";

/** Returns the path of the file of an interface in the directory of configuration files. */
export function configPath(directory: string, ifname: string): string {
  return `${directory}/${ifname}${SUFFIX}`;
}

/** Returns `path` if there is such a file. */
export function existing(path: string): string | undefined {
  try {
    Deno.statSync(path);
    return path;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw readError(path, error);
  }
}

/** Returns the paths of all files in the directory, sorted; none if it does not exist. Throws `E_CONFIG_READ`. */
export function configPaths(directory: string): string[] {
  try {
    return [...Deno.readDirSync(directory)]
      .filter(({ name }) => name.endsWith(SUFFIX))
      .map(({ name }) => `${directory}/${name}`).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw readError(directory, error);
  }
}

/**
 * Returns the interface that a file describes: its name is that of the file without `.conf`. Throws `E_USAGE` if this is
 * not the name of an interface.
 */
export function interfaceOf(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const ifname = name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : "";
  if (isInterfaceName(ifname)) return ifname;
  throw usageError(
    `Configuration file "${path}" names no interface`,
    `name the file IF${SUFFIX}, or give the name of the interface`,
  );
}

/** Reads a file. Throws `E_CONFIG_READ`. */
export function readConfigFile(
  path: string,
  ifname: string,
  options: readonly Option[],
): InterfaceFile {
  const text = readRegular(path);
  return readInterfaceFile(text, { path, ifname, options });
}

/** Returns the text of a regular file of at most {@linkcode MAX_FILE} bytes. */
function readRegular(path: string): string {
  try {
    const { isFile, size } = Deno.statSync(path);
    // `ipoib up` reads it more than once, so a pipe does not do.
    if (!isFile) throw new Error("it is not a regular file");
    if (size > MAX_FILE) throw new Error(`it has more than ${MAX_FILE} bytes`);
    return Deno.readTextFileSync(path);
  } catch (error) {
    throw readError(path, error);
  }
}

function readError(path: string, error: unknown): IpoibError {
  const reason = error instanceof Deno.errors.NotFound
    ? "it does not exist"
    : error instanceof Deno.errors.PermissionDenied
    ? "permission denied"
    : systemReason(error);
  return new IpoibError("E_CONFIG_READ", `Cannot read "${path}": ${reason}`, {
    cause: error,
  });
}

/** Formats a problem as `FILE:LINE:COLUMN: MESSAGE (HINT)`. */
export function problemText(
  path: string,
  { line, column, message, hint }: Problem,
): string {
  return `${path}:${line}:${column}: ${message}${hint ? ` (${hint})` : ""}`;
}
