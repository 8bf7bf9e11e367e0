/** Debian's kernel packages: which release to take, and how to get the packages without installing them. */

import { run } from "./command.ts";

const SOURCE = "linux-source-6.1";
const IMAGES = "linux-image-6.1.0-";
/** The image is not the signed one, which Debian publishes some time after its source; the machines check no signature. */
const IMAGE = /^linux-image-(6\.1\.0-\d+-amd64)-unsigned$/;

/** A release of the kernel of which there is all that is needed. */
export interface KernelRelease {
  /** As `uname -r` has it. */
  readonly release: string;
  /** Of the Debian packages. */
  readonly version: string;
}

/** Its packages as `apt-get` takes them. */
export function packagesOf({ release, version }: KernelRelease) {
  const abi = release.replace(/-amd64$/, "");
  return {
    image: `linux-image-${release}-unsigned=${version}`,
    headers: `linux-headers-${release}=${version}`,
    commonHeaders: `linux-headers-${abi}-common=${version}`,
    // The tools that the headers need: those of the newest version serve all.
    kbuild: "linux-kbuild-6.1",
    source: `${SOURCE}=${version}`,
    busybox: "busybox-static",
  } as const;
}

/** The newest release whose source, image and headers are in apt's package lists; undefined if there is none. Throws if apt-cache fails. */
export async function newestRelease(): Promise<KernelRelease | undefined> {
  const names = await run(["apt-cache", "pkgnames", IMAGES]);
  const packages = names.split("\n").flatMap((name) => {
    const release = IMAGE.exec(name)?.[1];
    return release === undefined ? [] : [name, `linux-headers-${release}`];
  });
  return releaseIn(
    await run(["apt-cache", "madison", SOURCE, ...packages]),
  );
}

/** The same, in the table that `apt-cache madison` prints. */
export function releaseIn(table: string): KernelRelease | undefined {
  const versions = new Map<string, string[]>();
  for (const line of table.split("\n")) {
    const [name, version] = line.split("|").map((cell) => cell.trim());
    if (name === undefined || version === undefined) continue;
    versions.set(name, [...versions.get(name) ?? [], version]);
  }
  // Newest first.
  for (const version of versions.get(SOURCE) ?? []) {
    for (const [name, own] of versions) {
      const release = IMAGE.exec(name)?.[1];
      if (release === undefined || !own.includes(version)) continue;
      const headers = versions.get(`linux-headers-${release}`) ?? [];
      if (headers.includes(version)) return { release, version };
    }
  }
  return undefined;
}

/** Updates apt's package lists; throws if the archives cannot be reached. */
export async function updateLists(): Promise<void> {
  await run(["apt-get", "update", "-q"]);
}

/** Downloads a package into a new folder; returns the path of the file. Throws if apt-get fails. */
export async function download(name: string, folder: string): Promise<string> {
  await Deno.mkdir(folder);
  await run(["apt-get", "download", "-q", name], { cwd: folder });
  const [file] = await Array.fromAsync(Deno.readDir(folder));
  return `${folder}/${file!.name}`;
}
