/**
 * The record of an interface in the runtime directory, for a process that is started after this one was killed:
 * `<if>.state`, beside the control socket, where `<if>` is the name with which the process was started.
 *
 * The file exists while a process with a keeper runs (netdev/tap/keeper.ts), and after its unexpected end.
 */

import * as v from "valibot";
import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import { getLogger } from "../../base/log.ts";
import {
  inRuntimeDirectory,
  parentDirectory,
} from "../../ipc/runtime_directory.ts";
import { removeFile } from "../../system/files.ts";
import { readRegular } from "../../system/regular_file.ts";
import {
  FORMAT,
  type SavedInterface,
  SavedInterfaceSchema,
} from "./saved_interface.ts";

/** Bound of the length in bytes: 10 000 static neighbours and 300 children need less. */
const MAX_LENGTH = 16 << 20;

const SUFFIX = ".state";

const StateSchema = v.object({
  format: v.literal(FORMAT),
  /** Command line of the process, without the program. */
  command: v.array(v.string()),
  interface: SavedInterfaceSchema,
});

/** A record that was read. */
export interface LeftState {
  readonly saved: SavedInterface;
  /** True if the process that wrote it had the same command line. */
  readonly sameCommand: boolean;
}

/** Returns the path of the record of interface `name` in a directory of control sockets. */
export function statePath(directory: string, name: string): string {
  return `${directory}/${name}${SUFFIX}`;
}

/** A record in a directory of control sockets. */
interface FoundState {
  readonly path: string;
  /** Name with which the process was started: `ipoib up` with it takes over. */
  readonly owner: string;
  readonly saved: SavedInterface;
}

/**
 * Returns the record in `directory` of an interface that has, or was started with, a name; undefined if there is none.
 */
export function findState(
  directory: string,
  name: string,
): FoundState | undefined {
  const own = readFound(statePath(directory, name));
  return own ??
    allStates(directory).find(({ saved }) => saved.parent.name === name);
}

/** Returns the record in `directory` of the parent of a child with this name; undefined if there is none. */
export function findParentState(
  directory: string,
  name: string,
): FoundState | undefined {
  return allStates(directory).find(({ saved }) =>
    saved.children.some((child) => child.name === name)
  );
}

/** Returns the records in `directory` that can be read, sorted by path. */
export function allStates(directory: string): FoundState[] {
  return statePaths(directory).map(readFound)
    .filter((found) => found !== undefined);
}

/**
 * Removes the child from the record at `path`, whose process has ended, so that the next one does not create it again.
 * Throws `E_STATE_FILE`, and the errors of `inRuntimeDirectory()`.
 */
export async function forgetChild(path: string, name: string): Promise<void> {
  const { interface: saved, ...rest } = parseState(path);
  const children = saved.children.filter((child) => child.name !== name);
  await replace(
    path,
    JSON.stringify({ ...rest, interface: { ...saved, children } }),
  );
}

function readFound(path: string): FoundState | undefined {
  const saved = readState(path)?.interface;
  const file = path.slice(path.lastIndexOf("/") + 1);
  return saved && { path, owner: file.slice(0, -SUFFIX.length), saved };
}

async function replace(path: string, text: string): Promise<void> {
  await inRuntimeDirectory(parentDirectory(path), async () => {
    const next = `${path}.new`;
    await Deno.writeTextFile(next, text, { mode: 0o600 });
    await Deno.rename(next, path);
  });
}

function statePaths(directory: string): string[] {
  try {
    return [...Deno.readDirSync(directory)]
      .filter(({ name }) => name.endsWith(SUFFIX))
      .map(({ name }) => `${directory}/${name}`).sort();
  } catch {
    return [];
  }
}

/** Returns the contents of a file; undefined if it cannot be read. */
function readState(
  path: string,
): v.InferOutput<typeof StateSchema> | undefined {
  try {
    return parseState(path);
  } catch {
    return undefined;
  }
}

function parseState(path: string): v.InferOutput<typeof StateSchema> {
  const text = readRegular(path, "E_STATE_FILE", MAX_LENGTH);
  return v.parse(StateSchema, JSON.parse(text));
}

export class StateFile {
  readonly #path: string;
  readonly #name: string;
  readonly #command: readonly string[];
  #written: string | undefined;
  #failure: string | undefined;

  /** @param command command line of this process, without the program */
  constructor(path: string, name: string, command: readonly string[]) {
    this.#path = path;
    this.#name = name;
    this.#command = command;
  }

  /** Returns the record of an earlier process, or undefined if there is none. An unreadable one is logged. */
  read(): LeftState | undefined {
    try {
      const { command, interface: saved } = parseState(this.#path);
      const sameCommand = command.length === this.#command.length &&
        command.every((word, i) => word === this.#command[i]);
      return { saved, sameCommand };
    } catch (error) {
      if (error instanceof IpoibError && error.errno === Errno.ENOENT) {
        return undefined;
      }
      this.#warn("read", error);
      return undefined;
    }
  }

  /** Replaces the file, unless it has this content. A failure is logged, and the next call tries again. */
  async write(saved: SavedInterface): Promise<void> {
    const text = JSON.stringify({
      format: FORMAT,
      command: this.#command,
      interface: saved,
    });
    if (text === this.#written) return;
    try {
      await replace(this.#path, text);
      this.#written = text;
    } catch (error) {
      this.#warn("write", error);
    }
  }

  /** Removes the file. */
  remove(): void {
    try {
      removeFile(this.#path);
    } catch (error) {
      this.#warn("remove", error);
    }
  }

  #warn(action: string, error: unknown): void {
    const { message } = IpoibError.from(error);
    if (message === this.#failure) return;
    this.#failure = message;
    getLogger(this.#name).warn(
      `Cannot ${action} the record of the interface: ${message}`,
    );
  }
}
