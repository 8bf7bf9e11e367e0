/**
 * The kernel of the virtual machines: its image, the modules that they may load, what it takes to compile one, and the sources
 * of soft RoCE. All of it is unpacked from Debian packages into the cache; nothing is installed on the host.
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

/** Of the modules those of these folders: the others are for hardware that no virtual machine has. */
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
  /** The name of its folder in the cache, which contains the version. */
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

  /** The folder that machines have as `/lib/modules`. */
  get modules(): string {
    return `${this.folder}/lib/modules`;
  }

  get headers(): string {
    return `${this.folder}/usr/src/linux-headers-${this.release}`;
  }

  get commonHeaders(): string {
    return this.headers.replace(/amd64$/, "common");
  }

  /** The sources of soft RoCE, as they are. */
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

/** The newest kernel in apt's package lists, from the cache or from Debian's archive. Throws if there is none. */
export async function provideKernel(
  cache: Cache,
  say: (text: string) => void,
): Promise<Kernel> {
  let trouble = "no release of it is in apt's package lists";
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
    `Cannot get Linux 6.1 of Debian 12, with which the virtual machines run; check that the main and security archives are among the sources of apt: ${trouble}`,
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
