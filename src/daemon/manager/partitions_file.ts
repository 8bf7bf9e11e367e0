/**
 * Source of the partition configuration of a subnet: the file given by the user, or a copy of it in the directory of
 * the subnet, which the next subnet manager reads.
 */

import { IpoibError } from "../../base/errors.ts";
import { Errno } from "../../base/errno.ts";
import { readRegular } from "../../system/regular_file.ts";
import { removeFile } from "../../system/files.ts";
import type { PartitionsText } from "./commands.ts";

const COPY = "partitions.conf";
/** Maximum length of a partitions.conf in bytes. */
const MAX_LENGTH = 1024 * 1024;

export class PartitionsFile {
  readonly #copy: string;
  #source: string | undefined;

  /**
   * @param directory directory of the subnet
   * @param source path given by the user, if any
   */
  constructor(directory: string, source?: string) {
    this.#copy = `${directory}/${COPY}`;
    this.#source = source;
  }

  /** Sets the file for subsequent reads. */
  setSource(source: string): void {
    this.#source = source;
  }

  /**
   * Reads the file given by the user, or else the copy. Returns undefined if no file was given and there is no copy.
   * Throws `E_PARTITIONS_FILE`.
   */
  read(): PartitionsText | undefined {
    const file = this.#source ?? this.#copy;
    try {
      const text = readRegular(file, "E_PARTITIONS_FILE", MAX_LENGTH, {
        named: this.#source !== undefined,
      });
      return { file, text };
    } catch (error) {
      const { errno, message } = IpoibError.from(error);
      const missing = errno === Errno.ENOENT;
      if (this.#source === undefined && missing) return undefined;
      if (errno !== Errno.EACCES) throw error;
      throw new IpoibError("E_PARTITIONS_FILE", message, {
        errno,
        hint:
          "the process has no capability that overrides file permissions, even as root",
        cause: error,
      });
    }
  }

  /** Stores a copy for the next manager. Replaces the old copy atomically. */
  keep({ file, text }: PartitionsText): void {
    if (file === this.#copy) return;
    const temporary = `${this.#copy}.new`;
    removeFile(temporary);
    Deno.writeTextFileSync(temporary, text, { mode: 0o600, createNew: true });
    Deno.renameSync(temporary, this.#copy);
  }

  /** Removes the copy. */
  removeCopy(): void {
    removeFile(this.#copy);
  }
}
