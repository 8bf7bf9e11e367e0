/**
 * Kernel of the virtual machines: image, modules, headers to compile a module, and the sources of soft RoCE. It is
 * unpacked from Debian packages into the cache. Nothing is installed on the host.
 */

import type { Cache } from "./cache.ts";
import { run, runPipe } from "./command.ts";
import {
  download,
  type KernelRelease,
  newestRelease,
  packagesOf,
  updateLists,
} from "./debian.ts";

/** Folders of the modules that are unpacked. The others are for hardware that the virtual machines lack. */
const MODULES = [
  "arch",
  "crypto",
  "fs",
  "lib",
  "net",
  "drivers/char/hw_random",
  "drivers/infiniband/core",
  "drivers/infiniband/sw",
  "drivers/infiniband/ulp",
  "drivers/net/*.ko",
  "drivers/virtio",
];
const UNPACK = 'dpkg-deb --fsys-tarfile "$1" | tar -xC "$2" "${@:3}"';
const UNPACK_SOURCE =
  'dpkg-deb --fsys-tarfile "$1" | tar -xO ./usr/src/linux-source-6.1.tar.xz | ' +
  'tar -xJC "$2" --strip-components=5 linux-source-6.1/drivers/infiniband/sw/rxe';

/** An unpacked kernel. */
export class Kernel {
  readonly release: string;
  /** Name of the folder in the cache, with the version. */
  readonly name: string;
  readonly folder: string;

  constructor({ release, version }: KernelRelease, folder: string) {
    this.release = release;
    this.name = nameOf({ release, version });
    this.folder = folder;
  }

  get image(): string {
    return `${this.folder}/boot/vmlinuz-${this.release}`;
  }

  /** Folder that the machines mount at `/lib/modules`. */
  get modules(): string {
    return `${this.folder}/lib/modules`;
  }

  get headers(): string {
    return `${this.folder}/usr/src/linux-headers-${this.release}`;
  }

  get commonHeaders(): string {
    return this.headers.replace(/amd64$/, "common");
  }

  /** Unmodified sources of soft RoCE. */
  get rxe(): string {
    return `${this.folder}/rxe`;
  }

  get busybox(): string {
    return `${this.folder}/bin/busybox`;
  }
}

function nameOf({ release, version }: KernelRelease): string {
  return `kernel-${release}_${version}`;
}

/**
 * Returns the newest kernel in apt's package lists, from the cache or from Debian's archive. Updates the lists if
 * needed. Throws an Error if no kernel is found.
 */
export async function provideKernel(
  cache: Cache,
  say: (text: string) => void,
): Promise<Kernel> {
  let trouble = "apt's package lists contain no release";
  for (const update of [false, true]) {
    try {
      if (update) await updateLists();
      const release = await newestRelease();
      if (!release) continue;
      const name = nameOf(release);
      const folder = await cache.find(name) ??
        await cache.make(name, (folder) => {
          say(`Downloading Linux ${release.release} of Debian, 230 MB\n`);
          return unpack(release, folder);
        });
      return new Kernel(release, folder);
    } catch (error) {
      trouble = error instanceof Error ? error.message : String(error);
    }
  }
  throw new Error(
    `Cannot get Linux 6.1 of Debian 12 for the virtual machines; add the main and security archives to the sources of apt: ${trouble}`,
  );
}

async function unpack(kernel: KernelRelease, folder: string): Promise<void> {
  const downloads = `${folder}/downloads`;
  await Deno.mkdir(downloads);
  const paths: Partial<Record<keyof ReturnType<typeof packagesOf>, string>> =
    {};
  const names = packagesOf(kernel);
  for (const key of Object.keys(names) as (keyof typeof names)[]) {
    paths[key] = await download(names[key], `${downloads}/${key}`);
  }
  const modules = `./lib/modules/${kernel.release}`;
  await runPipe(UNPACK, paths.image!, folder, "--wildcards", ...[
    "--no-wildcards-match-slash",
    "./boot/vmlinuz-*",
    `${modules}/modules.*`,
    ...MODULES.map((path) => `${modules}/kernel/${path}`),
  ]);
  for (const each of [paths.headers, paths.commonHeaders, paths.kbuild]) {
    await runPipe(UNPACK, each!, folder, "--exclude=./usr/share", "./usr");
  }
  await runPipe(UNPACK, paths.busybox!, folder, "./bin/busybox");
  await Deno.mkdir(`${folder}/rxe`);
  await runPipe(UNPACK_SOURCE, paths.source!, `${folder}/rxe`);
  await run(["depmod", "-b", folder, kernel.release]);
  await Deno.remove(downloads, { recursive: true });
}
