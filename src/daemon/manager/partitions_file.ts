/**
 * Where a subnet's partitions come from: the file that was named, and the copy of it in the subnet's folder, which the
 * next manager reads when this one dies.
 */

import { IpoibError } from "../../base/errors.ts";
import { Errno } from "../../base/errno.ts";
import { readRegular } from "../../system/regular_file.ts";
import { removeFile } from "../../system/files.ts";
import type { PartitionsText } from "./commands.ts";

const COPY = "partitions.conf";
/** Bytes of the longest partitions.conf. */
const MAX_LENGTH = 1024 * 1024;

export class PartitionsFile {
  readonly #copy: string;
  #source: string | undefined;

  /**
   * @param directory the subnet's folder
   * @param source the file that was named, if any
   */
  constructor(directory: string, source?: string) {
    this.#copy = `${directory}/${COPY}`;
    this.#source = source;
  }

  /** Uses another file from now on. */
  rename(source: string): void {
    this.#source = source;
  }

  /** The file that was named, or else the copy; undefined if there is neither. */
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
          "the process reads it with the rights of its user alone, root too",
        cause: error,
      });
    }
  }

  /** Keeps what was read for the next manager; what is in force is never half written. */
  keep({ file, text }: PartitionsText): void {
    if (file === this.#copy) return;
    const half = `${this.#copy}.new`;
    removeFile(half);
    Deno.writeTextFileSync(half, text, { mode: 0o600, createNew: true });
    Deno.renameSync(half, this.#copy);
  }

  /** Takes the copy of an earlier subnet away. */
  forget(): void {
    removeFile(this.#copy);
  }
}
