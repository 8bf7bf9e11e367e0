/** The files of the Debian package: where each is installed, with which mode, and where it comes from. */

import { run } from "./command.ts";

/** A file of the package. */
export interface PackagedFile {
  /** Path on the installed system, without the leading slash. */
  readonly path: string;
  readonly mode: number;
  /** Path of the file in the work tree, or its contents. */
  readonly from: string | Uint8Array;
}

const DOC = "usr/share/doc/ipoib";

/** Returns the pages of the documentation. */
function documentation(): [path: string, from: string][] {
  const pages = [...Deno.readDirSync("docs")].map(({ name }) => name);
  return ["README.md", ...pages.sort().map((name) => `docs/${name}`)]
    .map((path) => [`${DOC}/${path}`, path]);
}

/** The files of every package. The program is that at `binary`. */
function program(binary: string): PackagedFile[] {
  const files: [path: string, from: string][] = [
    [
      "usr/lib/systemd/system/ipoib@.service",
      "packaging/systemd/ipoib@.service",
    ],
    [
      "usr/lib/systemd/system/ipoib-subnet@.service",
      "packaging/systemd/ipoib-subnet@.service",
    ],
    ["usr/lib/tmpfiles.d/ipoib.conf", "packaging/tmpfiles.d/ipoib.conf"],
    [`${DOC}/examples/ib0.conf`, "packaging/ib0.conf"],
    ...documentation(),
  ];
  return [
    { path: "usr/bin/ipoib", mode: 0o755, from: binary },
    ...files.map(([path, from]) => ({ path, mode: 0o644, from })),
  ];
}

/** The folder to which the man pages are generated, and the folders of the completions of each shell. */
const MAN = "dist/man";
const COMPLETIONS: Readonly<Record<string, string>> = {
  bash: "usr/share/bash-completion/completions/ipoib",
  zsh: "usr/share/zsh/vendor-completions/_ipoib",
  fish: "usr/share/fish/vendor_completions.d/ipoib.fish",
};

/** Returns the man pages in {@linkcode MAN}, compressed; none if it does not exist. */
async function manPages(): Promise<PackagedFile[]> {
  const pages: PackagedFile[] = [];
  try {
    for await (const { name } of Deno.readDir(MAN)) {
      const section = /\.([1-8])$/.exec(name)?.[1];
      if (section === undefined) continue;
      pages.push({
        path: `usr/share/man/man${section}/${name}.gz`,
        mode: 0o644,
        from: await run(["gzip", "-9", "-n", "-c", `${MAN}/${name}`]),
      });
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return pages.sort((a, b) => a.path < b.path ? -1 : 1);
}

/** Returns the completions that the program prints; none if it has no such command. */
async function completions(binary: string): Promise<PackagedFile[]> {
  const files: PackagedFile[] = [];
  for (const [shell, path] of Object.entries(COMPLETIONS)) {
    try {
      const from = await run([
        await Deno.realPath(binary),
        ...["completions", shell],
      ]);
      if (from.length > 0) files.push({ path, mode: 0o644, from });
    } catch {
      return [];
    }
  }
  return files;
}

/** Returns the files of the package, and notes about parts that are missing. */
export async function contents(
  binary: string,
): Promise<{ files: PackagedFile[]; notes: string[] }> {
  const pages = await manPages();
  const scripts = await completions(binary);
  return {
    files: [...program(binary), ...pages, ...scripts],
    notes: [
      ...pages.length > 0 ? [] : [`No man pages: ${MAN} is empty`],
      ...scripts.length > 0
        ? []
        : [`No completions: ${binary} has no command completions`],
    ],
  };
}
