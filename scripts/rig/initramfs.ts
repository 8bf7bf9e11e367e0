/** Builds the initial file system of the machines: busybox and the modules that mount the host's files. */

import { run, runPipe } from "./command.ts";
import type { Kernel } from "./kernel.ts";

const INIT = new URL("guest/init", import.meta.url).pathname;
/** Files of the recipe. The initial file system depends on them and on the kernel. */
export const INITRAMFS_RECIPE = ["guest/init", "initramfs.ts"];
/** Modules to load, without their dependencies. */
const MODULES = ["virtio_pci", "9pnet_virtio", "9p", "overlay"];
const COMMANDS = ["sh", "cat", "echo", "insmod", "mkdir", "mount"];
const FOLDERS = ["bin", "dev", "proc", "sys", "lower", "upper", "new"];

/** Builds `initramfs.gz` in `folder`. Throws an Error if a command fails. */
export async function buildInitramfs(
  kernel: Kernel,
  folder: string,
): Promise<void> {
  const root = `${folder}/initramfs`;
  await Deno.mkdir(root);
  for (const name of [...FOLDERS, "modules"]) {
    await Deno.mkdir(`${root}/${name}`);
  }
  await Deno.copyFile(kernel.busybox, `${root}/bin/busybox`);
  for (const name of [...COMMANDS, "switch_root"]) {
    await Deno.symlink("busybox", `${root}/bin/${name}`);
  }
  await Deno.copyFile(INIT, `${root}/init`);
  await Deno.chmod(`${root}/init`, 0o755);
  const names: string[] = [];
  for (const path of await modulePaths(kernel)) {
    const name = path.split("/").at(-1)!;
    await Deno.copyFile(path, `${root}/modules/${name}`);
    names.push(name);
  }
  await Deno.writeTextFile(`${root}/modules.list`, `${names.join("\n")}\n`);
  await runPipe(
    'cd "$1"; find . | cpio -o -H newc --quiet | gzip -1 > "$2"',
    root,
    `${folder}/initramfs.gz`,
  );
  await Deno.remove(root, { recursive: true });
}

/** Returns the paths of the modules and their dependencies in load order. */
async function modulePaths(kernel: Kernel): Promise<Set<string>> {
  const paths = new Set<string>();
  for (const name of MODULES) {
    const text = await run([
      ...["modprobe", "-d", kernel.folder, "-S", kernel.release],
      ...["--show-depends", name],
    ]);
    for (const [, path] of text.matchAll(/^insmod (\S+)/gm)) paths.add(path!);
  }
  return paths;
}
