/** Whether a user may create files in a directory, by its owner and its mode. */

import { parentDirectory } from "../../ipc/runtime_directory.ts";

/** A user. */
export interface User {
  readonly uid: number;
  /** True with CAP_DAC_OVERRIDE, for which modes are not checked. */
  readonly overrides: boolean;
}

/**
 * Returns true if a user may create files in a directory, or the directory itself if it does not exist. Groups are not
 * regarded.
 */
export function isWritable(path: string, user: User): boolean {
  if (user.overrides) return true;
  const { uid, mode } = existing(path);
  return (mode! & (uid === user.uid ? 0o200 : 0o002)) !== 0;
}

/** Returns the nearest directory that exists. */
function existing(path: string): Deno.FileInfo {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return existing(parentDirectory(path));
  }
}
