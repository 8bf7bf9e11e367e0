/** Writes the file of node_exporter's textfile collector (`--collector.textfile.directory`). */

import { IpoibError } from "../../base/errors.ts";

/** The collector runs as another user. */
const MODE = 0o644;

/**
 * Writes a file so that a reader sees all of the old text or all of the new. The temporary file has no suffix `.prom`,
 * so that the collector ignores it. Throws `E_TEXTFILE`.
 */
export function writeTextfile(path: string, text: string): void {
  const temporary = `${path}.${Deno.pid}`;
  try {
    Deno.writeTextFileSync(temporary, text, { mode: MODE });
    // The umask does not apply.
    Deno.chmodSync(temporary, MODE);
    Deno.renameSync(temporary, path);
  } catch (error) {
    remove(temporary);
    const { message } = IpoibError.from(error);
    throw new IpoibError("E_TEXTFILE", `Cannot write ${path}: ${message}`, {
      cause: error,
    });
  }
}

function remove(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It was not created.
  }
}
