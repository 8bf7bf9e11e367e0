/**
 * The scripts of `ipoib completions` in real shells, which read keys from a terminal. `ipoib` is a script that answers
 * the shell with the program, and writes each other command line to a file.
 */

import { assertEquals } from "@std/assert";
import { patient } from "../../../scripts/machine.ts";
import { programCommand } from "../../../scripts/program.ts";
import { socketDirectory } from "../../../src/ipc/locate.ts";
import { findNamespace } from "../../../src/cli/namespace.ts";
import { onTerminal, shellLine } from "../../e2e/harness/shell.ts";
import { until } from "../../e2e/harness/until.ts";
import { missingTools, testWhere } from "../../test_where.ts";

/** A shell, the commands that load the script, and its options, which keep it from reading other files. */
const SHELLS = {
  bash: {
    command: "bash --norc --noprofile -i",
    load: "source ./_ipoib; bind 'set bell-style none'",
  },
  zsh: {
    command: "zsh -f -i",
    // As an installed script: zsh finds it by its name.
    load:
      "unsetopt BEEP; fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D",
  },
  fish: {
    command: "fish --no-config --private",
    load: "source ./_ipoib",
  },
} as const;

type Name = keyof typeof SHELLS;

/** Command lines as typed, and the words that the program gets. */
const TYPED: Readonly<Record<string, string>> = {
  "lin\tsh\tdev ib9.\t": "link show dev ib9.8001",
  "l set ib9.8001 mode con\t": "l set ib9.8001 mode connected",
  "up --hca so\t": "up --hca soft",
  "subnet run --partitions ./parti\t": "subnet run --partitions ./partitions",
  "lnik sho\t": "lnik sho",
};

/** Time for a shell to exit. */
const EXIT_MS = 5000;

/** The folder in which a shell runs. */
class Folder implements AsyncDisposable {
  private constructor(readonly path: string) {}

  static async create(): Promise<Folder> {
    const folder = new Folder(await Deno.makeTempDir());
    const namespace = await findNamespace();
    const sockets = socketDirectory(`${folder.path}/run`, namespace);
    await Deno.mkdir(sockets, { recursive: true });
    for (const name of ["ib9", "ib9.8001"]) {
      const socket = `${sockets}/${name}.sock`;
      if (name === "ib9") await Deno.writeTextFile(socket, "");
      else await Deno.symlink("ib9.sock", socket);
    }
    const program = shellLine(programCommand());
    await folder.write(
      "ipoib",
      `#!/bin/sh
if [ "$1" = __complete ]; then exec ${program} "$@"; fi
echo "$*" >>"${folder.path}/lines"
`,
    );
    await Deno.chmod(`${folder.path}/ipoib`, 0o755);
    await folder.write("partitions", "");
    await folder.write("lines", "");
    return folder;
  }

  async write(name: string, text: string): Promise<void> {
    await Deno.writeTextFile(`${this.path}/${name}`, text);
  }

  /** The command lines that the shell has run. */
  async lines(): Promise<string[]> {
    const text = await Deno.readTextFile(`${this.path}/lines`);
    return text.split("\n").slice(0, -1).map((line) => line.trim());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** A shell on a terminal of its own. */
class Terminal implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #keys: WritableStreamDefaultWriter<Uint8Array>;
  readonly #ended: Promise<unknown>;
  screen = "";

  constructor(command: string, folder: Folder) {
    const [program, ...args] = onTerminal(command);
    this.#child = new Deno.Command(program!, {
      args,
      cwd: folder.path,
      clearEnv: true,
      env: {
        PATH: `${folder.path}:${Deno.env.get("PATH")}`,
        HOME: folder.path,
        TERM: "dumb",
        IPOIB_RUNTIME_DIR: `${folder.path}/run`,
        ...cacheOfDeno(),
      },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#keys = this.#child.stdin.getWriter();
    this.#ended = this.#child.stdout.pipeThrough(new TextDecoderStream())
      .pipeTo(
        new WritableStream({ write: (text) => void (this.screen += text) }),
      )
      .catch(() => {});
  }

  async type(keys: string): Promise<void> {
    await this.#keys.write(new TextEncoder().encode(keys));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The shell saves its history in the folder when it ends, so it must end before the folder is removed.
    await this.type("exit\n").catch(() => {});
    const late = setTimeout(
      () => this.#child.kill("SIGKILL"),
      patient(EXIT_MS),
    );
    await this.#child.status;
    clearTimeout(late);
    await this.#keys.close().catch(() => {});
    await this.#ended;
  }
}

/** Returns where Deno keeps its packages, for a program that runs from source. */
function cacheOfDeno(): Record<string, string> {
  const given = Deno.env.get("DENO_DIR");
  const cache = Deno.env.get("XDG_CACHE_HOME") ??
    `${Deno.env.get("HOME")}/.cache`;
  return { DENO_DIR: given ?? `${cache}/deno` };
}

for (const name of Object.keys(SHELLS) as Name[]) {
  const missing = name === "bash" ? undefined : missingTools(name);
  testWhere(
    missing,
    `${name} completes command lines on a terminal`,
    async () => {
      await using folder = await Folder.create();
      const [program, ...words] = programCommand();
      const { stdout } = await new Deno.Command(program, {
        args: [...words, "completions", name],
      }).output();
      await folder.write("_ipoib", new TextDecoder().decode(stdout));
      const { command, load } = SHELLS[name];
      await using terminal = new Terminal(command, folder);
      const wait = async (expected: readonly string[]) => {
        await until(
          `${expected.length} command lines`,
          async () => (await folder.lines()).length >= expected.length,
        ).catch(() => {});
        assertEquals(await folder.lines(), expected, terminal.screen);
      };
      await terminal.type(`${load}; ipoib ready\n`);
      const expected = ["ready"];
      await wait(expected);
      for (const [keys, line] of Object.entries(TYPED)) {
        expected.push(line);
        await terminal.type(`ipoib ${keys}\n`);
        await wait(expected);
      }
      const complaints = /.*(error|unknown|not found).*/i;
      assertEquals(complaints.exec(terminal.screen)?.[0], undefined);
    },
  );
}
