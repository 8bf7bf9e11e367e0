/** Builds packages for tests. */

import { buildPackage } from "../../scripts/package/build.ts";
import { must } from "../e2e/harness/command.ts";

/** A folder that is deleted on disposal. */
export class TemporaryFolder implements AsyncDisposable {
  readonly path = Deno.makeTempDirSync({ prefix: "ipoib-package-test-" });

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** Builds a package with the program at `binary` in `folder`. Returns its path. */
export async function packageOf(
  binary: string,
  folder: string,
): Promise<string> {
  return (await buildPackage(binary, folder, true)).path;
}

/** The package of the executable, which is built for the first test that uses it. */
export class ProgramPackage implements AsyncDisposable {
  #folder: TemporaryFolder | undefined;
  #path: Promise<string> | undefined;

  /** Returns the path of the package file. */
  path(): Promise<string> {
    return this.#path ??= this.#build();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder?.[Symbol.asyncDispose]();
  }

  async #build(): Promise<string> {
    const { path } = this.#folder = new TemporaryFolder();
    return await packageOf(await executable(path), path);
  }
}

/** Returns the path of the executable: that in `IPOIB_BINARY`, or a new one in `folder`. */
async function executable(folder: string): Promise<string> {
  const given = Deno.env.get("IPOIB_BINARY");
  if (given) return given;
  const path = `${folder}/ipoib`;
  await must([Deno.execPath(), "task", "compile", "--output", path]);
  return path;
}
