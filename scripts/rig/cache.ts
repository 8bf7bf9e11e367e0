/**
 * Cache of the rig's images, outside the work tree: `$IPOIB_RIG_CACHE`, or `ipoib/rig` in `$XDG_CACHE_HOME` or
 * `~/.cache`.
 *
 * A lock admits one process at a time. A folder is filled under a temporary name, renamed when it is complete, and
 * never changed afterwards, so machines use it without the lock.
 */

const DAY_MS = 86_400_000;
/** Prefix of the name of a folder that is being filled. */
const UNFINISHED = "unfinished-";

/** Returns the path of the cache, which may not exist yet. */
export function cacheFolder(): string {
  const own = Deno.env.get("IPOIB_RIG_CACHE");
  if (own) return own;
  const user = Deno.env.get("XDG_CACHE_HOME") ||
    `${Deno.env.get("HOME") ?? "/root"}/.cache`;
  return `${user}/ipoib/rig`;
}

export class Cache {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Runs `work` with the lock held. Throws an Error if the path is not absolute. */
  static async use<T>(
    work: (cache: Cache) => Promise<T>,
    folder = cacheFolder(),
  ): Promise<T> {
    if (!folder.startsWith("/")) {
      throw new Error(
        `The rig's cache "${folder}" is not an absolute path; change IPOIB_RIG_CACHE`,
      );
    }
    await Deno.mkdir(folder, { recursive: true });
    using file = await Deno.open(`${folder}/lock`, {
      create: true,
      write: true,
    });
    await file.lock(true);
    return await work(new Cache(folder));
  }

  /** Returns the path of a complete folder and marks it as used now; undefined if it does not exist. */
  async find(name: string): Promise<string | undefined> {
    const path = `${this.#folder}/${name}`;
    try {
      const now = new Date();
      await Deno.utime(path, now, now);
      return path;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  }

  /** Creates a folder and returns its path. `fill` receives its temporary path. */
  async make(
    name: string,
    fill: (folder: string) => Promise<void>,
  ): Promise<string> {
    await this.#tidy();
    const unfinished = `${this.#folder}/${UNFINISHED}${name}`;
    await Deno.mkdir(unfinished);
    await fill(unfinished);
    const path = `${this.#folder}/${name}`;
    await Deno.rename(unfinished, path);
    return path;
  }

  /** Removes unfinished folders of killed processes, and folders unused for a day, longer than any machine runs. */
  async #tidy(): Promise<void> {
    for (const entry of await Array.fromAsync(Deno.readDir(this.#folder))) {
      const { name, isDirectory } = entry;
      const path = `${this.#folder}/${name}`;
      if (!isDirectory) continue;
      const { mtime } = await Deno.stat(path);
      const unused = Date.now() - (mtime?.getTime() ?? 0) > DAY_MS;
      if (unused || name.startsWith(UNFINISHED)) {
        await Deno.remove(path, { recursive: true });
      }
    }
  }
}
