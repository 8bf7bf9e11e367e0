/** Writes the file of node_exporter's textfile collector (`--collector.textfile.directory`). */

import { IpoibError } from "../../base/errors.ts";
import { systemReason } from "../../base/system_error.ts";

/** The collector runs as another user. */
const MODE = 0o644;

/**
 * Writes a file so that a reader sees all of the old text or all of the new. The temporary file has no suffix `.prom`,
 * so that the collector ignores it, and a name that another user of the folder cannot prepare as a link. Throws
 * `E_TEXTFILE`.
 */
export function writeTextfile(path: string, text: string): void {
  const temporary = `${path}.${crypto.randomUUID()}`;
  try {
    create(temporary, text);
    Deno.renameSync(temporary, path);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) remove(temporary);
    throw new IpoibError(
      "E_TEXTFILE",
      `Cannot write ${path}: ${systemReason(error)}`,
      { cause: error },
    );
  }
}

/** Creates a file, with {@linkcode MODE} whatever the umask is. A file that exists, also a link, is refused. */
function create(path: string, text: string): void {
  const umask = Deno.umask(0);
  try {
    Deno.writeTextFileSync(path, text, { mode: MODE, createNew: true });
  } finally {
    Deno.umask(umask);
  }
}

function remove(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It was not created.
  }
}
