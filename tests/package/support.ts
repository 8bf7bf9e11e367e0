/** Builds packages for tests. */

import { buildPackage } from "../../scripts/package/build.ts";

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
