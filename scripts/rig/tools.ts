/**
 * Programs and files of the host that the rig needs to build the images, to boot, and in the machines, which share
 * them.
 */

import { PACKAGE_OF, type Tool } from "../test/packages.ts";

const LIBRARIES = "/usr/lib/x86_64-linux-gnu";

/** The programs and files. */
export const RIG_TOOLS: readonly Tool[] = [
  "gcc-12",
  "make",
  "strip",
  "xz",
  "cpio",
  "modprobe",
  "qemu-system-x86_64",
  "ip",
  "socat",
  `${LIBRARIES}/libelf.so.1`,
  `${LIBRARIES}/libibverbs.so.1`,
  `${LIBRARIES}/libibumad.so.3`,
  "/etc/libibverbs.d/rxe.driver",
];

/** Debian package of each tool. */
export const RIG_PACKAGES: Readonly<Record<string, string>> = Object
  .fromEntries(RIG_TOOLS.map((tool) => [tool, PACKAGE_OF[tool]]));
