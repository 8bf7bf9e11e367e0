/** Debian's kernel packages: finds the newest release and downloads its packages without installing them. */

import { run } from "./command.ts";

const SOURCE = "linux-source-6.1";
const IMAGES = "linux-image-6.1.0-";
/** Unsigned image: Debian publishes the signed one later than the source, and the machines check no signature. */
const IMAGE = /^linux-image-(6\.1\.0-\d+-amd64)-unsigned$/;

/** A release of the kernel with all required packages. */
export interface KernelRelease {
  /** Release as in `uname -r`. */
  readonly release: string;
  /** Version of the Debian packages. */
  readonly version: string;
}

/** Returns the packages of a release in the format of `apt-get`. */
export function packagesOf({ release, version }: KernelRelease) {
  const abi = release.replace(/-amd64$/, "");
  return {
    image: `linux-image-${release}-unsigned=${version}`,
    headers: `linux-headers-${release}=${version}`,
    commonHeaders: `linux-headers-${abi}-common=${version}`,
    // Tools for the headers. Their newest version works for all releases.
    kbuild: "linux-kbuild-6.1",
    source: `${SOURCE}=${version}`,
    busybox: "busybox-static",
  } as const;
}

/**
 * Returns the newest release whose source, image and headers are in apt's package lists, or undefined if there is none.
 * Throws an Error if apt-cache fails.
 */
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

/** Finds this release in the output of `apt-cache madison`. */
export function releaseIn(table: string): KernelRelease | undefined {
  const versions = new Map<string, string[]>();
  for (const line of table.split("\n")) {
    const [name, version] = line.split("|").map((cell) => cell.trim());
    if (name === undefined || version === undefined) continue;
    versions.set(name, [...versions.get(name) ?? [], version]);
  }
  // apt-cache prints the newest version first.
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

/** Updates apt's package lists. Throws an Error if apt-get fails. */
export async function updateLists(): Promise<void> {
  await run(["apt-get", "update", "-q"]);
}

/** Downloads a package into a new folder. Returns the path of the file. Throws an Error if apt-get fails. */
export async function download(name: string, folder: string): Promise<string> {
  await Deno.mkdir(folder);
  await run(["apt-get", "download", "-q", name], { cwd: folder });
  const [file] = await Array.fromAsync(Deno.readDir(folder));
  return `${folder}/${file!.name}`;
}
