/** Builds a Debian package from its list of files and the templates in packaging/debian. */

import { compareVersions, ElfFile } from "../../tests/glibc_versions.ts";
import configuration from "../../deno.json" with { type: "json" };
import { run } from "./command.ts";
import { contents, type PackagedFile } from "./contents.ts";

const TEMPLATES = "packaging/debian";
const SCRIPTS = ["postinst", "prerm", "postrm"];
/** Debian's names of the processors that Deno supports. */
const ARCHITECTURES = { x86_64: "amd64", aarch64: "arm64" } as const;
/** Folder for the configuration files of the administrator, which the package does not contain. */
const CONFIGURATION = "etc/ipoib";

/**
 * Builds the package in the folder `output`. Returns its path, and notes about parts that are missing.
 *
 * @param fast true for gzip instead of xz
 */
export async function buildPackage(
  binary: string,
  output: string,
  fast = false,
): Promise<{ path: string; notes: string[] }> {
  const { files, notes } = await contents(binary);
  const { version } = configuration;
  const architecture = ARCHITECTURES[Deno.build.arch];
  const root = await Deno.makeTempDir({ prefix: "ipoib-package-" });
  try {
    await Deno.chmod(root, 0o755);
    await makeFolder(root, CONFIGURATION);
    for (const file of files) await place(root, file);
    await place(root, {
      path: "usr/share/doc/ipoib/copyright",
      mode: 0o644,
      from: new TextEncoder().encode(await copyright()),
    });
    const sums = await checksums(root);
    await writeControl(
      root,
      "control",
      await control(architecture, binary, root),
    );
    await writeControl(root, "md5sums", sums);
    for (const script of SCRIPTS) {
      const text = await Deno.readTextFile(`${TEMPLATES}/${script}`);
      await writeControl(root, script, text, 0o755);
    }
    await Deno.mkdir(output, { recursive: true });
    const path = `${output}/ipoib_${version}_${architecture}.deb`;
    const compression = [fast ? "-Zgzip" : "-Zxz", "-z1"];
    await run([
      ...["dpkg-deb", "--root-owner-group", ...compression, "--build"],
      ...[root, path],
    ]);
    return { path, notes };
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

/** Creates a folder and its parents with mode 755, which the umask does not change. */
async function makeFolder(root: string, folder: string): Promise<void> {
  let path = root;
  for (const part of folder.split("/")) {
    path += `/${part}`;
    await Deno.mkdir(path, { recursive: true });
    await Deno.chmod(path, 0o755);
  }
}

async function place(
  root: string,
  { path, mode, from }: PackagedFile,
): Promise<void> {
  await makeFolder(root, path.slice(0, path.lastIndexOf("/")));
  const to = `${root}/${path}`;
  if (typeof from === "string") await Deno.copyFile(from, to);
  else await Deno.writeFile(to, from);
  await Deno.chmod(to, mode);
}

async function writeControl(
  root: string,
  name: string,
  text: string,
  mode = 0o644,
): Promise<void> {
  const from = new TextEncoder().encode(text);
  await place(root, { path: `DEBIAN/${name}`, mode, from });
}

/** Returns the file control: the package's dependencies are those of the program. */
async function control(
  architecture: string,
  binary: string,
  root: string,
): Promise<string> {
  const versions = new ElfFile(await Deno.readFile(binary)).neededVersions();
  const kib = new TextDecoder().decode(
    await run(["du", "-sk", "--apparent-size", "--exclude=DEBIAN", root]),
  ).split("\t")[0]!;
  const values: Record<string, string> = {
    VERSION: configuration.version,
    ARCHITECTURE: architecture,
    INSTALLED_KIB: kib,
    GLIBC: versions.sort(compareVersions).at(-1)!,
  };
  const template = await Deno.readTextFile(`${TEMPLATES}/control`);
  return template.replaceAll(/@(\w+)@/g, (_, name) => values[name]!);
}

/** Returns the file copyright, with the license in the layout of Debian: indented, with a dot for an empty line. */
async function copyright(): Promise<string> {
  const template = await Deno.readTextFile(`${TEMPLATES}/copyright`);
  const license = (await Deno.readTextFile("LICENSE")).trimEnd().split("\n")
    .map((line) => line === "" ? " ." : ` ${line}`).join("\n");
  return template.replace("@LICENSE@", () => license);
}

/** Returns the file md5sums of all files below `root`. */
async function checksums(root: string): Promise<string> {
  const find = "find . -type f ! -path './DEBIAN/*' -printf '%P\\0'";
  return new TextDecoder().decode(
    await run([
      ...["sh", "-c", `cd "$1" && ${find} | sort -z | xargs -0 md5sum`],
      ...["sh", root],
    ]),
  );
}
