/** The system side of `ipoib cni`: standard input, and processes of other plugins. */

import { IpoibError } from "../base/errors.ts";

/** A network configuration is at most this long, in bytes. */
const MAX_INPUT = 1 << 20;

/** Implements `CliEnvironment.input`. */
export async function readInput(): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of Deno.stdin.readable) {
    length += chunk.length;
    if (length > MAX_INPUT) {
      throw new IpoibError(
        "E_CNI_IO",
        `Standard input is longer than ${MAX_INPUT} bytes`,
      );
    }
    chunks.push(chunk);
  }
  return await new Blob(chunks as BlobPart[]).text();
}

/** Implements `CliEnvironment.runPlugin`. */
export async function runPlugin(
  path: string,
  command: string,
  input: string,
): Promise<{ code: number; stdout: string } | undefined> {
  try {
    const child = new Deno.Command(path, {
      env: { CNI_COMMAND: command },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const written = new Blob([input]).stream().pipeTo(child.stdin);
    // A plugin may exit without reading its input.
    const [{ code, stdout }] = await Promise.all([
      child.output(),
      written.catch(() => {}),
    ]);
    return { code, stdout: new TextDecoder().decode(stdout) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new IpoibError("E_CNI_IO", `Cannot run ${path}: ${error}`, {
      cause: error,
    });
  }
}
