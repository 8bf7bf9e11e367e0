/**
 * Reads and writes the corpora: a folder in tests/fuzz for each target.
 *
 * | suffix     | contents                                                                                     |
 * |------------|-------------------------------------------------------------------------------------------|
 * | .hex       | one input in hexadecimal digits; # starts a comment                                       |
 * | .txt .json | one input, unencoded                                                                        |
 * | .seq       | inputs of one session in order, in hexadecimal digits, one on each line                   |
 */

import { hex } from "../../../tests/wire/support.ts";
import { toHex } from "../../../tests/fuzz/targets/target.ts";

const FOLDER = new URL("../../../tests/fuzz/", import.meta.url);
/** Folder of inputs that reached new code in earlier runs, not under version control. */
const KEPT_INPUTS_FOLDER = new URL(
  "../../../dist/torture/corpus/",
  import.meta.url,
);
const encoder = new TextEncoder();

/** A file of a corpus: one input, or several inputs of one session. */
export interface CorpusEntry {
  readonly file: string;
  readonly inputs: readonly Uint8Array[];
}

/** Reads the corpus of a target, sorted by file name. */
export function readCorpus(target: string): CorpusEntry[] {
  const folder = new URL(`${target}/`, FOLDER);
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort().map(
    (name) => ({
      file: `tests/fuzz/${target}/${name}`,
      inputs: inputsOf(name, Deno.readTextFileSync(new URL(name, folder))),
    }),
  );
}

/** Reads the inputs that earlier runs kept. */
export function readKept(target: string): Uint8Array[] {
  const folder = new URL(`${target}/`, KEPT_INPUTS_FOLDER);
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name).sort()
      .map((name) => Deno.readFileSync(new URL(name, folder)));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Writes an input for later runs. */
export function keepInput(target: string, input: Uint8Array): void {
  const folder = new URL(`${target}/`, KEPT_INPUTS_FOLDER);
  Deno.mkdirSync(folder, { recursive: true });
  Deno.writeFileSync(new URL(hash(toHex(input)), folder), input);
}

function inputsOf(name: string, text: string): Uint8Array[] {
  if (name.endsWith(".hex")) return [hex(text)];
  if (!name.endsWith(".seq")) return [encoder.encode(text)];
  return text.split("\n").filter((line) => /^[0-9a-f]/i.test(line)).map(hex);
}

/** Writes failed inputs to the corpus. Returns the file's path in the tree. */
export function keepFailure(
  target: string,
  inputs: readonly Uint8Array[],
  why: string,
): string {
  const comment = `# ${why.replace(/\s+/g, " ").slice(0, 200)}\n`;
  const lines = inputs.map((input) => `${toHex(input)}\n`);
  const text = comment + lines.join("");
  const name = `failure_${hash(lines.join(""))}.${
    inputs.length === 1 ? "hex" : "seq"
  }`;
  Deno.writeTextFileSync(new URL(`${target}/${name}`, FOLDER), text);
  return `tests/fuzz/${target}/${name}`;
}

/** Returns the FNV-1a hash, so that the name of a file depends only on its inputs. */
function hash(text: string): string {
  let state = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    state = Math.imul(state ^ text.charCodeAt(i), 0x01000193) >>> 0;
  }
  return state.toString(16).padStart(8, "0");
}
